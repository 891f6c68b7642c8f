"""The texts of the pages: that all are in the catalogues, and that no page says one that is not."""
