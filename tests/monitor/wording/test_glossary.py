"""Words of the field: each explained once, and on hover where a page uses it."""

from django.template import Context, Template

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
