"""Languages by name, and the codes that a person may give for one."""

from collections.abc import Iterable, Sequence
import functools
import re

from labse_jax.base.errors import InputError, alike, listed
from labse_jax.base.types import PathLike
from labse_jax.data.language_codes import is_code, languages, library_codes, three_letters
from labse_jax.data.languages import check_code, standard_language

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][A-Z][a-z]{3})?(?:[-_](?:[A-Z]{2}|\d{3}))?")


def named(code: str) -> str:
  """`deu` -> "German (deu)", `zho-Hans` -> "Chinese (zho-Hans)"; what has no name stays."""
  name = name_of(code)
  return f"{name} ({code})" if name else code


def name_of(code: str) -> str | None:
  """`deu`, `de` and `deu_Latn` -> "German"; None where there is no name."""
  match = _LANGUAGE.fullmatch(code)
  return names().get(three_letters().get(match[1], match[1])) if match else None


@functools.cache
def names() -> dict[str, str]:
  """{code: English name} of the languages of the usual benchmarks and corpora."""
  return {code: _OWN_NAMES.get(code) or _standard_name(code) for code in _USUAL.split()}


def _standard_name(code: str) -> str:
  """The name in ISO 639-3, without the words that it adds to tell two of one name apart."""
  return re.sub(r" \(.*\)", "", languages()[code].name)


def asked_language(text: str) -> str:
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


def language_in(
  available: Sequence[str], asked: str, *, place: PathLike, groups: Iterable[str] = ()
) -> str:
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


def _same_language(available: Sequence[str], asked: str) -> str | None:
  """The first code of the language; None where there is none."""
  if asked in available:
    return asked
  wanted = _codes_of_names().get(asked.lower(), standard_language(asked))
  return next((code for code in available if standard_language(code) == wanted), None)


def _nearest(text: str) -> str | None:
  """The code that a person may have meant by a name, an older code or a slip; None for none."""
  text = text.lower().strip()
  primary = re.split("[-_]", text)[0]
  meant = library_codes() | _COUNTRIES
  if primary in meant:
    return meant[primary]
  if primary in names():
    return primary
  if len(primary) == 3:  # Letters in a wrong order; in so short a word all else is chance.
    return next((code for code in names() if sorted(code) == sorted(primary)), None)
  codes = _codes_of_names()
  near = alike(text, codes)
  return codes[near[0]] if near else None


@functools.cache
def _codes_of_names() -> dict[str, str]:
  """{name in lower case: code}."""
  codes: dict[str, str] = {}
  for code, name in names().items():
    # Of two codes with one name the macrolanguage counts, which more corpora use.
    if code in three_letters().values():
      codes[name.lower()] = code
    else:
      codes.setdefault(name.lower(), code)
  for code, others in _OTHER_NAMES.items():
    codes.update(dict.fromkeys(others.split(", "), code))
  return codes


_COUNTRIES = {"cn": "zho", "jp": "jpn"}  # Often given for the language.
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
# The languages of the usual benchmarks and corpora.
_USUAL = """
  aar abk ace ach acm acq adx ady aeb afr aii ajp aka aln als alt alz amh ang anp apc apd ara arb
  arc arg arn arq ars ary arz asm ast ava ave avk awa ayl aym ayr azb aze azj bak bal bam ban bar
  bbc bcc bci bcl bel bem ben ber bew bgn bho bik bis bjn blk bod bos bpy bqi bre brx btm bts btx
  bua bub bug bul bxr cak cat cbk cdo ceb ces cgg cha che chk chm chu chv cjk ckb cmn cnh cor cos
  cpf cpx cre crh crs csb ctg cym dag dan deu dga dik din diq div doi dov dsb dtp dty dyu dzo efi
  egl ekk ell eng epo est eus ewe ext fao fas fij fil fin fit fkv fon fra frp frr fry fuc ful fur
  fuv gaa gan gaz gcf gcr gla gle glg glv gom gor gos got grc grn gsw guj gur guw hak hat hau haw
  hbs heb her hif hil hin hmn hmo hne hoc hrv hrx hsb hun hye hyw iba ibo ido iii iku ile ilo ina
  ind inh ipk isl iso isv ita jam jav jbo jpn jut kaa kab kac kal kam kan kas kat kau kaz kbd kbp
  kcg kea kek kge kha khg khk khm khw kik kin kir kiu kjh kmb kmr knc koi kom kon kor krc kri ksh
  ktu kua kur kzj lad lao lat lav lfn lgg lij lim lin lit ljp lki lld lmo loz lrc ltg ltz lua lub
  lug luo lus luz lvs lwg lzh mad mag mah mai mak mal mam map mar mas max mdf meo mey mfe mhr min
  mkd mlg mlt mnc mni mnw mon mos mrh mri mrj msa mui mwl mwr mya myv myx mzn nah nan nap nau nav
  nbl ndc nde ndo nds nep new nhe nia nld nno nob nor nov npi nqo nso nst nuj nup nus nya oci oji
  olo ori orm orv ory oss ota pag pam pan pap pbt pcd pcm pes pfl pli plt pms pnb pol por prg prs
  pus quc que quy rhg rki roa roh rom ron rsk rue run rus sag sah san sat scn sco sdc ses sgs shi
  shn shy sin sje skr sli slk slv sme smn smo sms sna snd som sot spa sqi srd srp ssw stq sun sus
  swa swe swg swh syl szl szy tah tam taq tat tay tcy tdd tel tet tgk tgl tha tir tiv tlh tly tok
  ton tpi trp tsn tso tuk tum tur twi tyv tzl tzm udm uig ukr umb urd uzb uzn vec ven vep vie vol
  vro wal war wln wol wuu xal xho xmf ydd yid yor yua yue zap zea zgh zha zho zsm zul zza
"""
# Where another name than that of ISO 639-3 is the usual one, and families, which it lacks.
_OWN_NAMES = {
  "ber": "Berber languages",
  "chu": "Church Slavonic",
  "cpf": "French-based creoles",
  "ell": "Greek",
  "hat": "Haitian Creole",
  "kir": "Kyrgyz",
  "map": "Austronesian languages",
  "nah": "Nahuatl languages",
  "ori": "Odia",
  "pus": "Pashto",
  "roa": "Romance languages",
  "uig": "Uyghur",
}
