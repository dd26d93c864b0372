"""Words of the field: each explained once, and on hover where a page uses it."""

import pytest
from django.template import Context, Template
from django.template.exceptions import TemplateSyntaxError

from ingest.products.services import product_load
from monitor.wording.glossary import GLOSSARY


def rendered(tag: str) -> str:
    return Template("{% load words %}" + tag).render(Context())


def test_every_word_has_an_address_of_its_own_and_they_are_sorted():
    assert len({term.slug for term in GLOSSARY}) == len(GLOSSARY)
    assert [term.key for term in GLOSSARY] == sorted((term.key for term in GLOSSARY), key=str.lower)
    assert all(term.meaning.endswith(".") for term in GLOSSARY)


def test_a_word_on_a_page_says_what_it_means():
    shown = rendered('{% term "line of sight" as line %}<a {{ line }}>along the line</a>')
    assert 'href="/reading/#line-of-sight"' in shown
    assert "slanted line" in shown
    assert ">along the line</a>" in shown


def test_a_word_that_is_not_explained_is_refused():
    with pytest.raises((KeyError, TemplateSyntaxError)):
        rendered('{% term "gobbledygook" %}')


@pytest.mark.django_db
def test_the_list_of_data_explains_its_first_technical_word_once(client, make_egms):
    product_load(path=make_egms())
    product_load(path=make_egms(name="EGMS_L2b_117_0228_IW2_VV_2020_2024_1.zip"))
    shown = client.get("/products/").content.decode()
    assert shown.count("/reading/#line-of-sight") == 1
