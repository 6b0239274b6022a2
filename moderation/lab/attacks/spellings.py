"""A table of American and British spellings, as pairs that can be replaced in both directions.

Words that have another meaning in one spelling ("program", "check", "tire", "meter", "practice") are excluded,
because changing them would be a mistake.
"""

from __future__ import annotations

_OR = (
    "armor behavior candor clamor color demeanor enamor endeavor favor fervor flavor glamor harbor honor humor labor "
    "neighbor odor parlor rancor rigor rumor savior savor splendor succor tumor valor vapor vigor"
)
_OR_VERBS = "armor clamor color endeavor favor flavor harbor honor humor labor rumor savor"
_IZE = (
    "apolog author capital categor central character civil critic custom emphas equal familiar final fantas general "
    "global harmon hospital immun initial item jeopard legal local maxim memor minim mobil modern monopol natural "
    "neutral normal optim organ patron penal personal polar popular priorit public real recogn revital revolution "
    "sensit social special stabil standard steril summar symbol sympath synchron util vandal visual"
)
_ER = "caliber center centimeter fiber kilometer liter luster millimeter saber specter theater"
# A British writer doubles the l before -ed, -ing and -er.
_L = "cancel channel counsel cudgel dial equal fuel funnel label level marshal model panel pedal quarrel shovel "
_L += "signal total travel tunnel unravel"
_OTHERS = """
acknowledgment/acknowledgement aging/ageing airplane/aeroplane airplanes/aeroplanes aluminum/aluminium
analyze/analyse analyzed/analysed analyzes/analyses analyzing/analysing anesthetic/anaesthetic
archeology/archaeology artifact/artefact artifacts/artefacts catalog/catalogue catalogs/catalogues catalyze/catalyse
chili/chilli colorful/colourful counselor/counsellor coziness/cosiness cozy/cosy defense/defence defenses/defences
dialog/dialogue dialogs/dialogues diarrhea/diarrhoea donut/doughnut donuts/doughnuts encyclopedia/encyclopaedia
enrollment/enrolment estrogen/oestrogen favorable/favourable favorite/favourite favorites/favourites fetus/foetus
fulfill/fulfil fulfillment/fulfilment fulfills/fulfils gray/grey grayish/greyish honorable/honourable
installment/instalment installments/instalments jewelry/jewellery leukemia/leukaemia maneuver/manoeuvre
maneuvers/manoeuvres marvelous/marvellous math/maths meager/meagre mold/mould molds/moulds moldy/mouldy mom/mum
moms/mums mustache/moustache neighborhood/neighbourhood neighborhoods/neighbourhoods offense/offence
offenses/offences omelet/omelette orthopedic/orthopaedic pajamas/pyjamas paralyze/paralyse paralyzed/paralysed
pediatric/paediatric plow/plough plowed/ploughed pretense/pretence skeptic/sceptic skeptical/sceptical
skepticism/scepticism skillful/skilful smolder/smoulder somber/sombre sulfur/sulphur traveler/traveller
travelers/travellers willful/wilful woolen/woollen yogurt/yoghurt
"""


def _families() -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in _OR.split():
        british = f"{word[:-2]}our"
        endings = ("", "s", "ed", "ing") if word in _OR_VERBS.split() else ("", "s")
        pairs |= {f"{word}{ending}": f"{british}{ending}" for ending in endings}
    for stem in _IZE.split():
        pairs |= {f"{stem}iz{ending}": f"{stem}is{ending}" for ending in ("e", "ed", "es", "ing")}
    for word in _ER.split():
        pairs |= {f"{word}{ending}": f"{word[:-2]}re{ending}" for ending in ("", "s")}
    for word in _L.split():
        pairs |= {f"{word}{ending}": f"{word}l{ending}" for ending in ("ed", "ing")}
    return pairs | dict(pair.split("/", 1) for pair in _OTHERS.split())


AMERICAN_TO_BRITISH: dict[str, str] = _families()
BRITISH_TO_AMERICAN: dict[str, str] = {british: american for american, british in AMERICAN_TO_BRITISH.items()}
