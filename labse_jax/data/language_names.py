"""English names of languages by their codes of ISO 639-3: those of our sources and benchmarks."""

_NAMES = """
aar Afar; abk Abkhazian; afr Afrikaans; aka Akan; als Tosk Albanian; amh Amharic; ang Old English;
ara Arabic; arb Standard Arabic; arg Aragonese; arq Algerian Arabic; arz Egyptian Arabic;
asm Assamese; ast Asturian; ava Avaric; ave Avestan; awa Awadhi; aym Aymara; ayr Central Aymara;
aze Azerbaijani; azj North Azerbaijani; bak Bashkir; bam Bambara; bar Bavarian; bel Belarusian;
ben Bengali; ber Berber; bis Bislama; bod Tibetan; bos Bosnian; bre Breton; bug Buginese;
bul Bulgarian;
cat Catalan; cbk Chavacano; ceb Cebuano; ces Czech; cha Chamorro; che Chechen; chu Church Slavic;
chv Chuvash; ckb Central Kurdish; cmn Mandarin Chinese; cor Cornish; cos Corsican; cre Cree;
crh Crimean Tatar; csb Kashubian; cym Welsh; dan Danish; deu German; div Dhivehi;
dsb Lower Sorbian; dtp Kadazan Dusun; dzo Dzongkha; ekk Standard Estonian; ell Greek; eng English;
epo Esperanto; est Estonian; eus Basque; ewe Ewe; fao Faroese; fas Persian; fij Fijian;
fil Filipino; fin Finnish; fra French; fry Western Frisian; ful Fulah; fur Friulian;
gaz West Central Oromo; gla Scottish Gaelic; gle Irish; glg Galician; glv Manx; grn Guarani;
gsw Swiss German; guj Gujarati; hat Haitian; hau Hausa; hbs Serbo-Croatian; heb Hebrew; her Herero;
hin Hindi; hmo Hiri Motu; hrv Croatian; hsb Upper Sorbian; hun Hungarian; hye Armenian; ibo Igbo;
ido Ido; iii Sichuan Yi; iku Inuktitut; ile Interlingue; ilo Iloko; ina Interlingua;
ind Indonesian; ipk Inupiaq; isl Icelandic; ita Italian; jav Javanese; jpn Japanese; kab Kabyle;
kal Kalaallisut; kan Kannada; kas Kashmiri; kat Georgian; kau Kanuri; kaz Kazakh;
khk Halh Mongolian; khm Khmer; kik Kikuyu; kin Kinyarwanda; kir Kirghiz; kmr Northern Kurdish;
kom Komi; kon Kongo; kor Korean; ksh Kölsch; kua Kuanyama; kur Kurdish; lao Lao; lat Latin;
lav Latvian; lfn Lingua Franca Nova; lim Limburgan; lin Lingala; lit Lithuanian; ltz Luxembourgish;
lub Luba-Katanga; lug Ganda; lus Lushai; lvs Standard Latvian; lzh Literary Chinese;
mah Marshallese; mal Malayalam; mar Marathi; max North Moluccan Malay; mhr Eastern Mari;
min Minangkabau; mkd Macedonian; mlg Malagasy; mlt Maltese; mon Mongolian; mrh Mara Chin;
mri Maori; msa Malay; mya Burmese; nau Nauru; nav Navajo; nbl South Ndebele; nde North Ndebele;
ndo Ndonga; nds Low German; nep Nepali; nld Dutch; nno Norwegian Nynorsk; nob Norwegian Bokmål;
nov Novial; npi Nepali; nya Nyanja; oci Occitan; oji Ojibwa; ori Oriya; orm Oromo; orv Old Russian;
ory Odia; oss Ossetian; pam Pampanga; pan Panjabi; pbt Southern Pashto; peo Old Persian;
pes Iranian Persian; pli Pali; plt Plateau Malagasy; pms Piemontese; pol Polish; por Portuguese;
prs Dari; pus Pushto; que Quechua; quy Ayacucho Quechua; roh Romansh; ron Romanian; run Rundi;
rus Russian; sag Sango; san Sanskrit; scn Sicilian; sin Sinhala; skr Saraiki; slk Slovak;
slv Slovenian; sme Northern Sami; smo Samoan; sna Shona; snd Sindhi; som Somali;
sot Southern Sotho; spa Spanish; sqi Albanian; srd Sardinian; srp Serbian; ssw Swati;
sun Sundanese; swa Swahili; swe Swedish; swg Swabian; swh Swahili; tah Tahitian; tam Tamil;
tat Tatar; tel Telugu; tet Tetum; tgk Tajik; tgl Tagalog; tha Thai; tir Tigrinya; tlh Klingon;
tok Toki Pona; ton Tonga; tsn Tswana; tso Tsonga; tuk Turkmen; tur Turkish; twi Twi; tzl Talossan;
tzm Central Atlas Tamazight; udm Udmurt; uig Uighur; ukr Ukrainian; urd Urdu; uzb Uzbek;
uzn Northern Uzbek; vec Venetian; ven Venda; vie Vietnamese; vol Volapük; war Waray; wln Walloon;
wol Wolof; wuu Wu Chinese; xho Xhosa; ydd Eastern Yiddish; yid Yiddish; yor Yoruba;
yue Yue Chinese; zgh Standard Moroccan Tamazight; zha Zhuang; zho Chinese; zsm Standard Malay;
zul Zulu
"""


def _table():
  names = {}
  for entry in " ".join(_NAMES.split()).split("; "):
    code, _, name = entry.partition(" ")
    names[code] = name
  return names


NAMES = _table()


def shown(code):
  """`deu` -> "German (deu)", `zho-Hant` -> "Chinese (zho-Hant)"; other codes as they are."""
  name = NAMES.get(code.partition("-")[0])
  return f"{name} ({code})" if name else code
