# shellcheck shell=bash
# The images; sourced by setup.sh. Nothing is skipped: docker's layer cache is
# what makes a second run quick, and it knows better than we what has changed.

readonly IMAGES=(sidecrypt sidecrypt-redis sidecrypt-bot)
# Nobody but a test needs them.
readonly TEST_IMAGES=(sidecrypt-postgres)

build_images() {
  local name
  for name in "${IMAGES[@]}"; do
    build_one "$name"
  done
}

# Prints the names.
build_test_images() {
  local name
  build_images
  for name in "${TEST_IMAGES[@]}"; do
    build_one "$name"
  done
  printf '%s\n' "${IMAGES[@]}" "${TEST_IMAGES[@]}"
}

build_one() {
  local name=$1 dir started args=()
  dir=$(image_context "$name") || fail "no image is called $name; there are ${IMAGES[*]} ${TEST_IMAGES[*]}"
  [[ -r $dir/Dockerfile ]] || fail "there is no Dockerfile for $name in $dir"
  find_base
  started=$SECONDS
  args=(--build-arg "BASE=$BASE")
  # Without a value docker takes the client's own: the proxy (and a password in
  # it) is in no argument and in no layer.
  local proxy
  for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!proxy-} ]] || args+=(--build-arg "$proxy")
  done
  quiet "docker build of $name" docker build --force-rm "${args[@]}" -t "$name" "$dir"
  say "image $name is built ($((SECONDS - started)) s)"
}

image_context() {
  case $1 in
    sidecrypt) printf '%s\n' "$ROOT" ;;
    sidecrypt-redis) printf '%s\n' "$ROOT/compose/images/redis" ;;
    sidecrypt-bot) printf '%s\n' "$ROOT/compose/images/bot" ;;
    sidecrypt-postgres) printf '%s\n' "$ROOT/test/e2e/images/postgres" ;;
    *) return 1 ;;
  esac
}
