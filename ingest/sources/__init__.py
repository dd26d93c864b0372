"""Sources of new images: search services are queried, files are downloaded, and jobs load them.

scene, allow_list, file_names, checksums   pure, standard library only
transport, download, quota, areas          pure; HTTP through `requests`, guarded by the allow-list
asf, stac                                  the two search services; need the extra `acquire`
models, services, selectors, configured    rows, and what the settings say
"""
