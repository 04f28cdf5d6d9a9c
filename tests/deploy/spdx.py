"""What SPDX 2.3 asks of a document in JSON, as far as ours goes: its required fields, its ids, and that what they name is there."""
import datetime
import re

ID = re.compile(r"SPDXRef-[a-zA-Z0-9.-]+")
PURL = re.compile(r"pkg:(deb/debian|npm)/[^@\s]+@[^@?\s]+(\?[\w.=&-]+)?")
RELATIONS = {"DESCRIBES", "CONTAINS", "DYNAMIC_LINK", "STATIC_LINK"}


def complaints(document):
    found = []

    def check(true, what):
        if not true:
            found.append(what)

    check(document.get("spdxVersion") == "SPDX-2.3", "spdxVersion")
    check(document.get("dataLicense") == "CC0-1.0", "dataLicense")
    check(document.get("SPDXID") == "SPDXRef-DOCUMENT", "the document's SPDXID")
    check(bool(document.get("name")), "name")
    check(re.fullmatch(r"[a-z]+:[^#\s]+", document.get("documentNamespace", "")), "documentNamespace")
    created = document.get("creationInfo", {})
    check(created.get("creators") and all(re.match(r"(Tool|Person|Organization): \S", one) for one in created["creators"]), "creators")
    try:
        datetime.datetime.strptime(created.get("created", ""), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        found.append("created")
    ids = [document.get("SPDXID"), *(one.get("SPDXID") for one in document["packages"])]
    check(len(set(ids)) == len(ids), "an SPDXID twice")
    for one in document["packages"]:
        name = one.get("name", "?")
        check(ID.fullmatch(one.get("SPDXID", "")), f"{name}: SPDXID {one.get('SPDXID')}")
        check(bool(one.get("name")), "a package without a name")
        check(bool(one.get("downloadLocation")), f"{name}: downloadLocation")
        check(one.get("filesAnalyzed") is False, f"{name}: filesAnalyzed is true by default, which asks for a verification code")
        check(one.get("versionInfo") != "", f"{name}: an empty versionInfo")
        for reference in one.get("externalRefs", []):
            check((reference.get("referenceCategory"), reference.get("referenceType")) == ("PACKAGE-MANAGER", "purl"), f"{name}: externalRefs")
            check(PURL.fullmatch(reference.get("referenceLocator", "")), f"{name}: {reference.get('referenceLocator')} is no purl")
        for checksum in one.get("checksums", []):
            check(checksum["algorithm"] == "SHA512" and re.fullmatch("[0-9a-f]{128}", checksum["checksumValue"]), f"{name}: checksums")
    for relation in document["relationships"]:
        check(relation["relationshipType"] in RELATIONS, f"{relation['relationshipType']}")
        check({relation["spdxElementId"], relation["relatedSpdxElement"]} <= set(ids), f"{relation} names what is not there")
    related = {relation["relatedSpdxElement"] for relation in document["relationships"]}
    for one in document["packages"]:
        check(one["SPDXID"] in related, f"{one['name']} is related to nothing")
    return found
