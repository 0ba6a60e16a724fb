#!/usr/bin/env python3
"""Carries out load_tests/kubernetes as a cluster would, where there is none.

    sudo python3 tests/kubernetes/pods.py target/release/load-gate

`kubectl kustomize` makes the manifests; each container they describe is then a process of its own with
what its spec says and nothing else: its arguments and variables ($(JOB_COMPLETION_INDEX) filled in, the
ConfigMap and the Secret by reference), its user, no privileges, a root file system that can't be written,
its volumes. The load goes to `load-gate serve` here. Asked for: four shards send their parts, the merge
judges all of them, and a pod that never came is named. Needs root, `kubectl`, `unshare`, `setpriv` and PyYAML.
"""
import argparse, concurrent.futures, datetime, json, os, pathlib, re, subprocess, sys, tempfile, time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "load_tests/kubernetes"


def built(folder):
    """The objects that kustomize makes of a folder, by kind."""
    text = subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True, text=True).stdout
    return {thing["kind"]: thing for thing in yaml.safe_load_all(text)}


def variables(container, config, secrets, index):
    """What a container's environment holds: what is named beats what comes from elsewhere."""
    env = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            assert source["configMapRef"]["name"] == config["metadata"]["name"]
            env.update(config["data"])
        else:
            env.update(secrets)
    env.update({entry["name"]: entry["value"] for entry in container.get("env", [])})
    return env if index is None else {**env, "JOB_COMPLETION_INDEX": str(index)}


def run(binary, spec, env, volume):
    """Runs the pod of a spec to its end."""
    (container,), user = spec["containers"], spec["securityContext"]
    own = container["securityContext"]
    assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"] and own["capabilities"]["drop"] == ["ALL"]
    assert user["runAsNonRoot"] and user["runAsUser"] > 0
    args = [re.sub(r"\$\((\w+)\)", lambda named: env[named[1]], arg) for arg in container["args"]]
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    # /results and /tmp of the pod stand where this machine has room for them; the rest can't be written.
    mounts = [
        "set -eu; mount --make-rprivate /",
        f"mkdir -p {places['results']}; mount --bind {volume} {places['results']}",
        f"mount -t tmpfs -o size=64m,mode=1777 pod {places['tmp']}",
        "mount -o remount,bind,ro /; cd /",
        f'exec setpriv --reuid {user["runAsUser"]} --regid {user["runAsGroup"]} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"',
    ]
    command = ["unshare", "--mount", "sh", "-c", "; ".join(mounts), "pod", binary, *args]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit(__doc__)
    shards, merge = built(FOLDER), built(FOLDER / "merge")["Job"]["spec"]["template"]["spec"]
    job, config = shards["Job"]["spec"], shards["ConfigMap"]
    spec, count = job["template"]["spec"], job["completions"]
    # Under /tmp is a pod's own: the binary and the volume stand elsewhere.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        scratch = pathlib.Path(scratch)
        scratch.chmod(0o755)
        volume, binary = scratch / "volume", scratch / "load-gate"
        volume.mkdir()
        # As fsGroup leaves it.
        os.chown(volume, 0, spec["securityContext"]["fsGroup"])
        volume.chmod(0o2775)
        binary.write_bytes(pathlib.Path(options.binary).read_bytes())
        binary.chmod(0o755)
        serving = subprocess.Popen([binary, "serve"], stdout=subprocess.PIPE, text=True)
        try:
            url = serving.stdout.readline().split()[-1]
            secrets = {}
            while "STRIPE_WEBHOOK_SECRET" not in secrets:
                name, _, value = serving.stdout.readline().removeprefix("export ").strip().partition("=")
                secrets[name] = value
            secrets.pop("API_URL", None)
            start = datetime.datetime.fromtimestamp(int(time.time()) + 30, datetime.timezone.utc)
            config["data"] |= {"API_URL": url, "LOAD_GATE_PROFILE": "smoke", "LOAD_GATE_START_AT": start.strftime("%Y-%m-%dT%H:%M:%SZ")}
            with concurrent.futures.ThreadPoolExecutor(count) as pool:
                pods = [pool.submit(run, binary, spec, variables(spec["containers"][0], config, secrets, index), volume) for index in range(count)]
                pods = [pod.result() for pod in pods]
            for index, pod in enumerate(pods):
                assert pod.returncode == 0, f"pod {index}: exit code {pod.returncode}\n{pod.stdout}{pod.stderr}"
                print(pod.stdout.splitlines()[0])
            whole = run(binary, merge, variables(merge["containers"][0], config, {}, None), volume)
            print(whole.stdout)
            suite = json.loads((volume / "whole/suite.json").read_text())
            assert whole.returncode == {"pass": 0, "fail": 1, "inconclusive": 3}[suite["verdict"]], whole.stderr
            for scenario in suite["scenarios"]:
                recording = scenario["recording"]
                rows, generator = recording["shards"]["rows"], recording["generator"]
                assert [row["shard"] for row in rows] == list(range(1, count + 1)), rows
                assert generator["sent"] + generator["dropped"] == generator["planned"], generator
                assert all(row["late"] == 0 for row in rows), rows
            (volume / "shards/1/suite.json").unlink()
            part = run(binary, merge, variables(merge["containers"][0], config, {}, None), volume)
            assert part.returncode == 3 and "3 of 4 shards are there: shard 2 is missing" in part.stdout, part.stdout + part.stderr
            print("a pod that left nothing is named")
        finally:
            serving.kill()
            serving.wait()


if __name__ == "__main__":
    main()
