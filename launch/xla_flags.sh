# Sourced: what the compiler of each platform is told besides, and why. A flag that the caller has set
# stays as it is.

# Collectives run beside the products that do not wait for them. It has no effect on one GPU.
GPU_FLAGS=(--xla_gpu_enable_latency_hiding_scheduler=true)

with_flags() { # CURRENT FLAGS...: CURRENT, and those of FLAGS that it does not name
  local all="$1" flag
  for flag in "${@:2}"; do
    case " $all " in
      *" ${flag%%=*}="*) ;;
      *) all="${all:+$all }$flag" ;;
    esac
  done
  echo "$all"
}
