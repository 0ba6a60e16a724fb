#!/usr/bin/env bash
# Holds load_tests/kubernetes to Kubernetes' own schemas, strictly: no field that it doesn't know.
# VALIDATE names kubernetes-validate; what kustomize makes of the files is held to them where there is one.
set -euo pipefail
cd "$(dirname "$0")/../.."
validate=${VALIDATE:-kubernetes-validate}
readonly folder=load_tests/kubernetes
# The oldest with `backoffLimitPerIndex` for everybody, and the newest that is known.
readonly versions=(1.33 1.37)

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
files=("$folder"/results.yaml "$folder"/shards.yaml "$folder"/merge/merge.yaml)
if command -v kustomize >/dev/null; then build=(kustomize build); else build=(kubectl kustomize); fi
if command -v "${build[0]}" >/dev/null; then
  for name in . merge; do
    "${build[@]}" "$folder/$name" >"$built/${name/./shards}.yaml"
    files+=("$built/${name/./shards}.yaml")
  done
else
  printf '%s\n' "SKIPPED: there is neither kustomize nor kubectl here, so what they make of it was not looked at"
fi
for version in "${versions[@]}"; do
  "$validate" --strict --quiet --kubernetes-version "$version" "${files[@]}"
done
printf '%s\n' "${#files[@]} files hold to Kubernetes ${versions[*]}"
