"""Which names may stand in mails to people who never asked for one."""

import pytest

from monitor.subscribers.organisations.names import title_of

HONEST = ["Aldwick Waterworks", "St. Gallen", "Kanton St. Gallen, Amt f. Geologie", "Verein Bergwacht e.V."]
HONEST += ["Bergwacht (e.V.)", "Müller GmbH & Co. KG", "Müller GmbH & Co. KG a.A.", "Minas del Norte S.A."]
HONEST += ["Minas del Norte, S.A. de C.V.", "Geologia S.p.A.", "Stavby s.r.o.", "Kopalnia Sp. z o.o."]
HONEST += ["Géologie & Cie.", "Waterschap Nr. 5", "Dr. No", "Dr. No & Sons", "U.S. Geological Survey"]
HONEST += ["U. S. Geological Survey", "Univ. de Genève", "Inst. of Geology / Dept. of Mines", "Ing.-Büro Meier"]
HONEST += ["Ville de Saint-Étienne", "L’Aquila (Protezione civile)", "Service d'urgence +", "Mt. Rainier Obs."]
HONEST += ["Bros. Rock Inc.", "Point Reyes", "Smith, Page & Co.", "Comune di Nettuno", "Network Rail"]
HONEST += ["Information Services", "Геологический институт", "Ин-т физики Земли", "Γεωλογική Υπηρεσία", "東京都 地質部"]
HONEST += ["NTT東日本", "한국지질자원연구원", "هيئة المساحة الجيولوجية", "הסקר הגאולוגי", "Ísland 2.", "5 Brigade"]
HOSTILE = ["", "   ", "x" * 61, "a<b", "Evıl. com", "Evil. com", "Evil .com", "Evil . com", "evil.com"]
HOSTILE += ["see evil.com now", "Evil. COM", "Evil. Com/login", "evil。com", "evil．com", "evil｡com", "evil․com"]
HOSTILE += ["evil‧com", "evil·com", "evil•com", "evilꓸcom", "evil٠com", "evil. сom", "evil. сом", "evil. cöm"]
HOSTILE += ["evil. cοm", "evil. ｃｏｍ", "evil. 𝐜𝐨𝐦", "evil. ⓒⓞⓜ", "evil\u200b.com", "evil.\u200bcom", "evil.\u00a0com"]
HOSTILE += ["evil.\u202ecom", "evil,com", "evil(.)com", "evil(dot)com", "evil dot com", "evil DOT net"]
HOSTILE += ["evil punkt org", "evil[.]com", "evil. de", "evil. ru", "Evil. Ru", "evil. io / login", "t.co"]
HOSTILE += ["bit.ly/abc", "bit. ly/abc", "x.com", "www evil", "WWW.evil", "ｗｗｗ evil", "http evil", "hxxp evil"]
HOSTILE += ["hXXps evil", "https:evil", "evil//com", "ev//il", "info@evil", "10.0.0.1", "10. 0. 0. 1", "Pаypal"]
HOSTILE += ["Gооgle Support", "Co.KG", "a.b.com", ".com", "x ."]


@pytest.mark.parametrize("name", HONEST)
def test_honest_names_are_kept_as_they_are(name):
    assert title_of(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_read_as_addresses_are_refused(name):
    assert title_of(name) is None


def test_a_name_is_kept_as_it_was_examined():
    assert title_of("  Ｇｅｏ\u2003Survey ") == "Geo Survey"
