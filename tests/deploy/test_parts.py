"""The image's list of parts (sbom.py), made here from this machine's packages; test_container.py reads the image's own."""
import copy
import importlib.util
import pathlib
import shutil

import pytest

import spdx

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def document():
    if shutil.which("dpkg-query") is None:
        pytest.skip("this is no Debian")
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "native_server" / "deploy" / "sbom.py")
    sbom = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sbom)
    return sbom.document("0.1.0", ["libc6:amd64", "libstdc++6", "libssl3"], "12", ROOT, {"zlib": "1:1.2.13.dfsg-1"}, 0)


def test_it_is_spdx(document):
    assert spdx.complaints(document) == []


def test_it_names_what_is_linked_compiled_in_and_in_the_page(document):
    by_name = {one["name"]: one for one in document["packages"]}
    assert {"beralih", "beralih-page", "libc6", "libstdc++6", "nlohmann-json3-dev", "libcli11-dev", "svelte", "onnxruntime-web", "onnxruntime-common",
            "@fontsource-variable/source-serif-4", "libjpeg-turbo", "libwebp", "zlib"} <= set(by_name)
    assert not {"vite", "typescript", "vitest", "playwright-core", "@types/node"} & set(by_name)
    locator = by_name["libstdc++6"]["externalRefs"][0]["referenceLocator"]
    assert locator.startswith("pkg:deb/debian/libstdc%2B%2B6@") and locator.endswith("&distro=debian-12")
    assert by_name["zlib"]["externalRefs"][0]["referenceLocator"] == "pkg:deb/debian/zlib@1%3A1.2.13.dfsg-1?arch=source"
    assert "versionInfo" not in by_name["libwebp"], "a version that nobody knows is not made up"
    assert document["creationInfo"]["created"] == "1970-01-01T00:00:00Z"


def plus_in_an_id(document):
    document["packages"][3]["SPDXID"] = "SPDXRef-libstdc++6"


def analyzed_by_default(document):
    del document["packages"][2]["filesAnalyzed"]


def no_download_location(document):
    del document["packages"][2]["downloadLocation"]


def a_name_of_nothing(document):
    document["relationships"][1]["relatedSpdxElement"] = "SPDXRef-nothing"


def twice(document):
    document["packages"].append(document["packages"][-1])


def no_version_in_a_purl(document):
    document["packages"][2]["externalRefs"][0]["referenceLocator"] = "pkg:deb/debian/libc6"


@pytest.mark.parametrize("harm", [plus_in_an_id, analyzed_by_default, no_download_location, a_name_of_nothing, twice, no_version_in_a_purl])
def test_what_is_not_spdx_is_noticed(document, harm):
    harmed = copy.deepcopy(document)
    harm(harmed)
    assert spdx.complaints(harmed)
