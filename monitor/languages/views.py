"""The reader's choice of a language."""

from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

# A language is no secret and grants nothing: without a token in its form, readers get no cookie before they choose.
choose_language = csrf_exempt(require_POST(set_language))
