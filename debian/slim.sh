#!/bin/sh
# slim.sh ENVIRONMENT SITE-PACKAGES INSTALLED-AT: leave out of an environment what a node never uses, and what knows where it was built.
set -eu
environment=$1 site=$2 installed=$3

# trial stays: twistd reads its plugin, and complains at every start where it cannot be imported
find "$site" -type d \( -name test -o -name tests -o -name newsfragments \) -prune -exec rm -rf {} +
find "$site" \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '.gitignore' \) -type f -delete
find "$site" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$site" -name direct_url.json -delete
rm -f "$site/twisted/plugins/dropin.cache"
sed -i '1{/^#!/d}' "$site"/*.py

cd "$environment/bin"
for program in *; do
    case $program in
    python*) ;;
    twistd | shieldrelayctl | ckeygen) sed -i "1s|^#!.*|#!$installed/bin/python3|" "$program" ;;
    *) rm -rf "$program" ;;
    esac
done
sed -i '/^command/d' "$environment/pyvenv.cfg"

# RECORD lists what is not there any more, and the programs by the hash that they had before
find "$site" -name RECORD -path '*.dist-info/*' -delete
