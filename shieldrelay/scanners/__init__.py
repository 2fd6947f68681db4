"""Speaking to the scanners of a site: rspamd, ClamAV, milters. The plugins in `plugins/` declare them."""
