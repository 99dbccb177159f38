# Sourced: what every script here says its lines with.

say() { printf 'labse-jax: %s\n' "$*" >&2; }

die() { # STATUS MESSAGE
  say "$2"
  exit "$1"
}

usage_of() { # FILE: the comment at its top
  sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p;}' "$1"
}

help_if_asked() { # ARGUMENTS: the usage, where they ask for it or where there are none
  case "${1:-}" in
    '' | -h | --help)
      usage_of "$0"
      exit 0
      ;;
  esac
}

quoted() { # WORDS...: as a person would type them; printf %q escapes every comma
  local word separator=
  for word in "$@"; do
    case "$word" in
      '' | *[!A-Za-z0-9_./:=,@%+~-]*)
        word="'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
        ;;
    esac
    printf '%s%s' "$separator" "$word"
    separator=' '
  done
  printf '\n'
}
