"""The content stage: what a site has checked in the complete message before anybody takes responsibility for it."""
