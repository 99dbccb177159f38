"""Languages by name, and the codes that a person may give for one."""

import functools
import re

from labse_jax.base.errors import InputError, alike, listed
from labse_jax.data.language_codes import is_code
from labse_jax.data.languages import ISO_639_3, check_code, standard_language

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][A-Z][a-z]{3})?(?:[-_](?:[A-Z]{2}|\d{3}))?")


def named(code):
  """`deu` -> "German (deu)", `zho-Hans` -> "Chinese (zho-Hans)"; what has no name stays."""
  name = name_of(code)
  return f"{name} ({code})" if name else code


def name_of(code):
  """`deu`, `de` and `deu_Latn` -> "German"; None where there is no name."""
  match = _LANGUAGE.fullmatch(code)
  return match and names().get(ISO_639_3.get(match[1], match[1]))


@functools.cache
def names():
  """{code: English name} of the languages of the usual benchmarks and corpora."""
  return dict(re.findall(r"(\w{3}) ([^;\n]+)", _NAMES))


def asked_language(text):
  """The code of a language that a person gives by code or name; raises InputError for no language.

  `English` gives "eng"; a code is returned as it was written, since some files keep it.
  """
  codes = _codes_of_names()
  if text.lower() in codes:
    return codes[text.lower()]
  if is_code(standard_language(text).replace("_", "-").partition("-")[0].lower()):
    return check_code(text)
  near = _nearest(text)
  hint = f"; did you mean {named(near)}?" if near else "."
  raise InputError(
    f"Unknown language {text!r}{hint} A code of ISO 639 is needed, such as deu or de."
  )


def language_in(available, asked, *, place, groups=()):
  """The one of some codes that a person means by a code or a name: "German" among de, fr is "de".

  Raises InputError, which begins with the `place` that has no such language, and says what else may
  be asked for: names of `groups`.
  """
  found = _same_language(available, asked)
  if found:
    return found
  near = _nearest(asked)
  near = near and _same_language(available, near)
  hint = f"did you mean {named(near)}? Choose" if near else "choose"
  more = f" or the groups {', '.join(groups)}" if groups else ""
  raise InputError(f"{place}: holds no language {asked!r}; {hint} from {listed(available)}{more}.")


def _same_language(available, asked):
  """The first code of the language; None where there is none."""
  if asked in available:
    return asked
  wanted = _codes_of_names().get(asked.lower(), standard_language(asked))
  return next((code for code in available if standard_language(code) == wanted), None)


def _nearest(text):
  """The code that a person may have meant by a name, an older code or a slip; None for none."""
  text = text.lower().strip()
  primary = re.split("[-_]", text)[0]
  if primary in _MEANT:
    return _MEANT[primary]
  if primary in names():
    return primary
  if len(primary) == 3:  # Letters in a wrong order; in so short a word all else is chance.
    return next((code for code in names() if sorted(code) == sorted(primary)), None)
  codes = _codes_of_names()
  near = alike(text, codes)
  return codes[near[0]] if near else None


@functools.cache
def _codes_of_names():
  """{name in lower case: code}."""
  codes = {}
  for code, name in names().items():
    # Of two codes with one name the macrolanguage counts, which more corpora use.
    if code in ISO_639_3.values():
      codes[name.lower()] = code
    else:
      codes.setdefault(name.lower(), code)
  for code, others in _OTHER_NAMES.items():
    codes.update(dict.fromkeys(others.split(", "), code))
  return codes


# Codes that are often meant: those that libraries catalogue by (ISO 639-2/B), and of countries.
_MEANT = dict(
  re.findall(
    r"(\w+)=(\w+)",
    "alb=sqi arm=hye baq=eus bur=mya chi=zho cze=ces dut=nld fre=fra geo=kat ger=deu gre=ell"
    " ice=isl mac=mkd mao=mri may=msa per=fas rum=ron slo=slk tib=bod wel=cym jp=jpn cn=zho",
  )
)
_OTHER_NAMES = {
  "cat": "valencian",
  "ckb": "sorani",
  "cmn": "mandarin",
  "deu": "deutsch",
  "fas": "farsi",
  "fra": "français, francais",
  "ita": "italiano",
  "kmr": "kurmanji",
  "mya": "myanmar",
  "nld": "flemish",
  "pan": "punjabi",
  "por": "português",
  "spa": "español, espanol, castilian",
  "yue": "cantonese",
}
# Names of ISO 639-3, without the words that it adds to tell two of one name apart.
_NAMES = """
aar Afar; abk Abkhazian; ace Achinese; ach Acoli; acm Mesopotamian Arabic;
acq Ta'izzi-Adeni Arabic; adx Amdo Tibetan; ady Adyghe; aeb Tunisian Arabic; afr Afrikaans;
aii Assyrian Neo-Aramaic; ajp South Levantine Arabic; aka Akan; aln Gheg Albanian;
als Tosk Albanian; alt Southern Altai; alz Alur; amh Amharic; ang Old English; anp Angika;
apc Levantine Arabic; apd Sudanese Arabic; ara Arabic; arb Standard Arabic; arc Official Aramaic;
arg Aragonese; arn Mapudungun; arq Algerian Arabic; ars Najdi Arabic; ary Moroccan Arabic;
arz Egyptian Arabic; asm Assamese; ast Asturian; ava Avaric; ave Avestan; avk Kotava; awa Awadhi;
ayl Libyan Arabic; aym Aymara; ayr Central Aymara; azb South Azerbaijani; aze Azerbaijani;
azj North Azerbaijani; bak Bashkir; bal Baluchi; bam Bambara; ban Balinese; bar Bavarian;
bbc Batak Toba; bcc Southern Balochi; bci Baoulé; bcl Central Bikol; bel Belarusian; bem Bemba;
ben Bengali; ber Berber languages; bew Betawi; bgn Western Balochi; bho Bhojpuri; bik Bikol;
bis Bislama; bjn Banjar; blk Pa'o Karen; bod Tibetan; bos Bosnian; bpy Bishnupriya; bqi Bakhtiari;
bre Breton; brx Bodo; btm Batak Mandailing; bts Batak Simalungun; btx Batak Karo; bua Buriat;
bub Bua; bug Buginese; bul Bulgarian; bxr Russia Buriat; cak Kaqchikel; cat Catalan;
cbk Chavacano; cdo Min Dong Chinese; ceb Cebuano; ces Czech; cgg Chiga; cha Chamorro; che Chechen;
chk Chuukese; chm Mari; chu Church Slavonic; chv Chuvash; cjk Chokwe; ckb Central Kurdish;
cmn Mandarin Chinese; cnh Hakha Chin; cor Cornish; cos Corsican; cpf French-based creoles;
cpx Pu-Xian Chinese; cre Cree; crh Crimean Tatar; crs Seselwa Creole French; csb Kashubian;
ctg Chittagonian; cym Welsh; dag Dagbani; dan Danish; deu German; dga Southern Dagaare;
dik Southwestern Dinka; din Dinka; diq Dimli; div Dhivehi; doi Dogri; dov Dombe;
dsb Lower Sorbian; dtp Kadazan Dusun; dty Dotyali; dyu Dyula; dzo Dzongkha; efi Efik; egl Emilian;
ekk Standard Estonian; ell Greek; eng English; epo Esperanto; est Estonian; eus Basque; ewe Ewe;
ext Extremaduran; fao Faroese; fas Persian; fij Fijian; fil Filipino; fin Finnish;
fit Tornedalen Finnish; fkv Kven Finnish; fon Fon; fra French; frp Arpitan; frr Northern Frisian;
fry Western Frisian; fuc Pulaar; ful Fulah; fur Friulian; fuv Nigerian Fulfulde; gaa Ga;
gan Gan Chinese; gaz West Central Oromo; gcf Guadeloupean Creole French;
gcr Guianese Creole French; gla Scottish Gaelic; gle Irish; glg Galician; glv Manx;
gom Goan Konkani; gor Gorontalo; gos Gronings; got Gothic; grc Ancient Greek; grn Guarani;
gsw Swiss German; guj Gujarati; gur Farefare; guw Gun; hak Hakka Chinese; hat Haitian Creole;
hau Hausa; haw Hawaiian; hbs Serbo-Croatian; heb Hebrew; her Herero; hif Fiji Hindi;
hil Hiligaynon; hin Hindi; hmn Hmong; hmo Hiri Motu; hne Chhattisgarhi; hoc Ho; hrv Croatian;
hrx Hunsrik; hsb Upper Sorbian; hun Hungarian; hye Armenian; hyw Western Armenian; iba Iban;
ibo Igbo; ido Ido; iii Sichuan Yi; iku Inuktitut; ile Interlingue; ilo Iloko; ina Interlingua;
ind Indonesian; inh Ingush; ipk Inupiaq; isl Icelandic; iso Isoko; isv Interslavic; ita Italian;
jam Jamaican Creole English; jav Javanese; jbo Lojban; jpn Japanese; jut Jutish; kaa Kara-Kalpak;
kab Kabyle; kac Kachin; kal Kalaallisut; kam Kamba; kan Kannada; kas Kashmiri; kat Georgian;
kau Kanuri; kaz Kazakh; kbd Kabardian; kbp Kabiyè; kcg Tyap; kea Kabuverdianu; kek Kekchí;
kge Komering; kha Khasi; khg Khams Tibetan; khk Halh Mongolian; khm Khmer; khw Khowar; kik Kikuyu;
kin Kinyarwanda; kir Kyrgyz; kiu Kirmanjki; kjh Khakas; kmb Kimbundu; kmr Northern Kurdish;
knc Central Kanuri; koi Komi-Permyak; kom Komi; kon Kongo; kor Korean; krc Karachay-Balkar;
kri Krio; ksh Kölsch; ktu Kituba; kua Kuanyama; kur Kurdish; kzj Coastal Kadazan; lad Ladino;
lao Lao; lat Latin; lav Latvian; lfn Lingua Franca Nova; lgg Lugbara; lij Ligurian; lim Limburgan;
lin Lingala; lit Lithuanian; ljp Lampung Api; lki Laki; lld Ladin; lmo Lombard; loz Lozi;
lrc Northern Luri; ltg Latgalian; ltz Luxembourgish; lua Luba-Lulua; lub Luba-Katanga; lug Ganda;
luo Luo; lus Lushai; luz Southern Luri; lvs Standard Latvian; lwg Wanga; lzh Literary Chinese;
mad Madurese; mag Magahi; mah Marshallese; mai Maithili; mak Makasar; mal Malayalam; mam Mam;
map Austronesian languages; mar Marathi; mas Masai; max North Moluccan Malay; mdf Moksha;
meo Kedah Malay; mey Hassaniyya; mfe Morisyen; mhr Eastern Mari; min Minangkabau; mkd Macedonian;
mlg Malagasy; mlt Maltese; mnc Manchu; mni Manipuri; mnw Mon; mon Mongolian; mos Mossi; mrh Mara;
mri Maori; mrj Western Mari; msa Malay; mui Musi; mwl Mirandese; mwr Marwari; mya Burmese;
myv Erzya; myx Masaaba; mzn Mazanderani; nah Nahuatl languages; nan Min Nan Chinese;
nap Neapolitan; nau Nauru; nav Navajo; nbl South Ndebele; ndc Ndau; nde North Ndebele; ndo Ndonga;
nds Low German; nep Nepali; new Nepal Bhasa; nhe Eastern Huasteca Nahuatl; nia Nias; nld Dutch;
nno Norwegian Nynorsk; nob Norwegian Bokmål; nor Norwegian; nov Novial; npi Nepali; nqo N'Ko;
nso Pedi; nst Tase Naga; nuj Nyole; nup Nupe-Nupe-Tako; nus Nuer; nya Chichewa; oci Occitan;
oji Ojibwa; olo Livvi; ori Odia; orm Oromo; orv Old Russian; ory Odia; oss Iron Ossetic;
ota Ottoman Turkish; pag Pangasinan; pam Pampanga; pan Panjabi; pap Papiamento;
pbt Southern Pashto; pcd Picard; pcm Nigerian Pidgin; pes Iranian Persian; pfl Pfaelzisch;
pli Pali; plt Plateau Malagasy; pms Piemontese; pnb Western Panjabi; pol Polish; por Portuguese;
prg Prussian; prs Dari; pus Pashto; quc K'iche'; que Quechua; quy Ayacucho Quechua; rhg Rohingya;
rki Rakhine; roa Romance languages; roh Romansh; rom Romany; ron Romanian; rsk Ruthenian;
rue Rusyn; run Rundi; rus Russian; sag Sango; sah Yakut; san Sanskrit; sat Santali; scn Sicilian;
sco Scots; sdc Sassarese Sardinian; ses Koyraboro Senni Songhai; sgs Samogitian; shi Tachelhit;
shn Shan; shy Tachawit; sin Sinhala; sje Pite Sami; skr Saraiki; sli Lower Silesian; slk Slovak;
slv Slovenian; sme Northern Sami; smn Inari Sami; smo Samoan; sms Skolt Sami; sna Shona;
snd Sindhi; som Somali; sot Southern Sotho; spa Spanish; sqi Albanian; srd Sardinian; srp Serbian;
ssw Swati; stq Saterfriesisch; sun Sundanese; sus Susu; swa Swahili; swe Swedish; swg Swabian;
swh Swahili; syl Sylheti; szl Silesian; szy Sakizaya; tah Tahitian; tam Tamil; taq Tamasheq;
tat Tatar; tay Atayal; tcy Tulu; tdd Tai Nua; tel Telugu; tet Tetum; tgk Tajik; tgl Tagalog;
tha Thai; tir Tigrinya; tiv Tiv; tlh Klingon; tly Talysh; tok Toki Pona; ton Tonga; tpi Tok Pisin;
trp Kok Borok; tsn Tswana; tso Tsonga; tuk Turkmen; tum Tumbuka; tur Turkish; twi Twi;
tyv Tuvinian; tzl Talossan; tzm Central Atlas Tamazight; udm Udmurt; uig Uyghur; ukr Ukrainian;
umb Umbundu; urd Urdu; uzb Uzbek; uzn Northern Uzbek; vec Venetian; ven Venda; vep Veps;
vie Vietnamese; vol Volapük; vro Voro; wal Wolaytta; war Waray; wln Walloon; wol Wolof;
wuu Wu Chinese; xal Kalmyk; xho Xhosa; xmf Mingrelian; ydd Eastern Yiddish; yid Yiddish;
yor Yoruba; yua Yucateco; yue Yue Chinese; zap Zapotec; zea Zeeuws;
zgh Standard Moroccan Tamazight; zha Zhuang; zho Chinese; zsm Standard Malay; zul Zulu; zza Zaza
"""
