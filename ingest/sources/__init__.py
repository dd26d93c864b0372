"""Sources of new images: search services are queried, files are downloaded, and jobs load them."""
