"""What `manage.py checkdemo` tries on a running service, one module per part of it, over HTTP as a visitor would."""
