"""Prints what a program of ours is made of, as SPDX JSON: sbom.py PACKAGE [OPENVINO]

The crates are those that cargo links into it on Linux; Debian's packages in an image are listed by dpkg there. OPENVINO is the folder of its libraries, where the image has them.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from datetime import datetime, timezone
from pathlib import Path

PLATFORM = "x86_64-unknown-linux-gnu"


def cargo_metadata():
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={PLATFORM}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def linked_packages(metadata, name):
    """The package of that name and all that it links, without tools of builds and tests."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    (root,) = [key for key in metadata["workspace_members"] if packages[key]["name"] == name]
    found, waiting = {}, [root]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = packages[key]
            for dependency in nodes[key]["deps"]:
                if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                    waiting.append(dependency["pkg"])
    return root, found


def checksums():
    lock = tomllib.loads(Path("Cargo.lock").read_text())
    return {(it["name"], it["version"]): it["checksum"] for it in lock["package"] if "checksum" in it}


def spdx_package(name, version, licence, purl, checksum=None):
    package = {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]", "-", f"{name}-{version}"),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "licenseDeclared": licence,
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
        ],
    }
    if checksum:
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
    return package


def openvino_packages(folder):
    """OpenVINO as its wheel has it, with the libraries that come inside."""
    requirement = Path("server/openvino-runtime/openvino.requirements.txt").read_text()
    version, checksum = re.search(r"openvino==(\S+) --hash=sha256:(\w+)", requirement).groups()
    tbb = re.search(r"^Version: (\S+)", (folder / "tbb.pc").read_text(), re.MULTILINE).group(1)
    return [
        spdx_package("openvino", version, "Apache-2.0", f"pkg:pypi/openvino@{version}", checksum),
        spdx_package("oneTBB", tbb, "Apache-2.0", f"pkg:github/uxlfoundation/oneTBB@v{tbb}"),
        spdx_package("hwloc", "NOASSERTION", "BSD-3-Clause", "pkg:github/open-mpi/hwloc"),
    ]


def main():
    name, openvino = sys.argv[1], sys.argv[2:]
    root, found = linked_packages(cargo_metadata(), name)
    known = checksums()
    packages, root_id = [], None
    for key, crate in sorted(found.items(), key=lambda item: (item[1]["name"], item[1]["version"])):
        pair = crate["name"], crate["version"]
        # Some manifests still write the alternative as cargo once did, with a stroke.
        licence = (crate["license"] or "NOASSERTION").replace("/", " OR ")
        package = spdx_package(*pair, licence, f"pkg:cargo/{pair[0]}@{pair[1]}", known.get(pair))
        packages.append(package)
        if key == root:
            root_id = package["SPDXID"]
    for folder in openvino:
        packages += openvino_packages(Path(folder))
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": root_id}]
    relations += [
        {"spdxElementId": root_id, "relationshipType": "DEPENDS_ON", "relatedSpdxElement": package["SPDXID"]}
        for package in packages
        if package["SPDXID"] != root_id
    ]
    digest = hashlib.sha256(json.dumps(packages).encode()).hexdigest()
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://embedserve.dev/spdx/{name}-{digest}",
        "creationInfo": {
            "created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: tests/images/sbom.py"],
        },
        "packages": packages,
        "relationships": relations,
    }
    json.dump(document, sys.stdout, indent=1)


main()
