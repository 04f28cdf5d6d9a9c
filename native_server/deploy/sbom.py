"""The image's list of parts as SPDX 2.3: Debian's packages, the header-only libraries in the server's binary, and what the page holds."""
import base64
import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import urllib.parse

# In the server's binary without being files of the image.
HEADER_ONLY = ("nlohmann-json3-dev", "libcli11-dev")
# What Svelte's part of the page imports in its turn; the rest of what it depends on is its compiler's.
RUNTIME = {"svelte": ("clsx", "esm-env")}
# In core.wasm: the Debian sources that toolchains/wasm_codecs.sh compiles.
CODECS = ("libjpeg-turbo", "libwebp", "zlib")


def spdx_id(kind: str, name: str) -> str:
    """Of letters, digits, dots and hyphens, which is all that SPDX takes, and another one for each name."""
    return f"SPDXRef-{kind}-" + re.sub(r"[^a-zA-Z0-9.]", lambda other: "-" if other[0] == "-" else f"-{ord(other[0]):x}-", name)


def part(kind: str, name: str, version: str, purl: str = "", **more) -> dict:
    known = {"SPDXID": spdx_id(kind, name), "name": name, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
             "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION"}
    if version:
        known["versionInfo"] = version
    if purl:
        known["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]
    return {**known, **more}


def debian_purl(name: str, version: str, **qualifiers) -> str:
    listed = "&".join(f"{key}={value}" for key, value in sorted(qualifiers.items()))
    return f"pkg:deb/debian/{urllib.parse.quote(name, safe='')}@{urllib.parse.quote(version, safe='')}" + (f"?{listed}" if listed else "")


def debian_part(package: str, release: str) -> dict:
    listed = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${source:Package} ${source:Version}\n", package],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    name, version, architecture, source = listed.splitlines()[0].split("\t")
    return part("deb", name, version, debian_purl(name, version, arch=architecture, distro=f"debian-{release}"),
                sourceInfo=f"Debian source package {source}")


def page_parts(web: pathlib.Path) -> "list[dict]":
    """The npm packages that the page's sources name, with what those of its `dependencies` need themselves; not its tools."""
    locked = json.loads((web / "package-lock.json").read_text())["packages"]
    sources = "\n".join(path.read_text() for path in sorted((web / "src").rglob("*")) if path.suffix in (".ts", ".svelte", ".css"))
    wanted = [name for name in (*locked[""].get("dependencies", {}), *locked[""].get("devDependencies", {}))
              if re.search(rf"""['"]{re.escape(name)}['"/]""", sources)]
    found = {}
    while wanted:
        name = wanted.pop()
        entry = locked.get(f"node_modules/{name}")
        if name in found or entry is None or name.startswith("@types/") or name == "undici-types":
            continue
        scheme, _, digest = entry["integrity"].partition("-")
        found[name] = part("npm", name, entry["version"], f"pkg:npm/{urllib.parse.quote(name)}@{entry['version']}",
                           licenseDeclared=entry.get("license", "NOASSERTION"),
                           checksums=[{"algorithm": scheme.upper(), "checksumValue": base64.b64decode(digest).hex()}])
        wanted += RUNTIME.get(name, () if entry.get("dev") else tuple(entry.get("dependencies", ())))
    return [found[name] for name in sorted(found)]


def codec_parts(compiled: "dict[str, str]") -> "list[dict]":
    """`compiled`: the version of each source, where it is known."""
    return [part("wasm", name, compiled.get(name, ""), debian_purl(name, compiled[name], arch="source") if name in compiled else "",
                 comment="compiled into core.wasm by toolchains/wasm_codecs.sh") for name in CODECS]


def document(version: str, packages: "list[str]", release: str, root: pathlib.Path, compiled: "dict[str, str]", created: float) -> dict:
    """`packages`: whose libraries are in the image. `release`: Debian's. `root`: the sources."""
    server = part("own", "beralih", version, licenseDeclared="Apache-2.0")
    page = part("own", "beralih-page", json.loads((root / "web" / "package.json").read_text())["version"], licenseDeclared="Apache-2.0",
                comment="served from /usr/share/beralih/web")
    linked = [debian_part(package, release) for package in packages]
    headers = [debian_part(package, release) for package in HEADER_ONLY]
    held = [*page_parts(root / "web"), *codec_parts(compiled)]
    parts = [server, page, *linked, *headers, *held]

    def relate(one: dict, kind: str, others: "list[dict]") -> "list[dict]":
        return [{"spdxElementId": one["SPDXID"], "relationshipType": kind, "relatedSpdxElement": other["SPDXID"]} for other in others]

    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"beralih-{version}",
        "documentNamespace": "urn:beralih:sbom:" + hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
        "creationInfo": {"created": datetime.datetime.fromtimestamp(int(created), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: beralih-sbom"]},
        "packages": parts,
        "relationships": [*relate({"SPDXID": "SPDXRef-DOCUMENT"}, "DESCRIBES", [server]), *relate(server, "DYNAMIC_LINK", linked),
                          *relate(server, "STATIC_LINK", headers), *relate(server, "CONTAINS", [page]), *relate(page, "CONTAINS", held)],
    }
