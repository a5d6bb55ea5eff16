"""Library of open files and folders: the list of media, its thumbnails and filter, and drag and drop."""
