"""Floor 2: the view that members share."""
