import FoundationEssentials
import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import OCIDistribution
import Testing

/// Manifests and configurations as registries send them that cannot be had here, or that lie.
@Suite struct ManifestTests {
    private typealias Exchange = ScriptedTransport.Exchange
    private static let base = "https://r.io/v2/webapp/app"
    private static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    private static let ociIndex = "application/vnd.oci.image.index.v1+json"
    private static let zeros = "sha256:" + String(repeating: "0", count: 64)

    private func digest(_ text: String) -> String { Digest.sha256(of: Array(text.utf8)).description }

    private func descriptor(_ text: String, _ type: String, _ more: String = "") -> String {
        #"{"mediaType": "\#(type)", "digest": "\#(digest(text))", "size": \#(text.utf8.count)\#(more)}"#
    }

    private func image(
        _ config: String, layers: [Int] = [10, 20], type: String = "application/vnd.oci.image.config.v1+json"
    ) -> String {
        let layers = layers.map { #"{"mediaType": "l", "digest": "\#(Self.zeros)", "size": \#($0)}"# }.joined(
            separator: ",")
        return
            #"{"schemaVersion": 2, "mediaType": "\#(Self.ociManifest)", "config": \#(descriptor(config, type)), "layers": [\#(layers)]}"#
    }

    private func head(_ status: Int, _ headers: [(String, String)] = [], _ reference: String = "v1") -> Exchange {
        Exchange("HEAD", "\(Self.base)/manifests/\(reference)", answer: .response(status: status, headers: headers))
    }

    private func get(
        _ body: String, _ reference: String = "v1", type: String? = ociManifest, digest: String? = nil,
        status: Int = 200
    ) -> Exchange {
        var headers: [(String, String)] = []
        if let type { headers.append(("Content-Type", type)) }
        if let digest { headers.append(("Docker-Content-Digest", digest)) }
        return Exchange(
            "GET", "\(Self.base)/manifests/\(reference)",
            answer: .response(status: status, headers: headers, body: body))
    }

    private func blob(_ body: String, digest: String? = nil, status: Int = 200, headers: [(String, String)] = [])
        -> Exchange
    {
        Exchange(
            "GET", "\(Self.base)/blobs/\(digest ?? self.digest(body))",
            answer: .response(status: status, headers: headers, body: body))
    }

    private func play<Value>(_ exchanges: [Exchange], _ body: (RegistryClient) async throws -> Value) async throws
        -> Value
    {
        let transport = ScriptedTransport(exchanges)
        do {
            let value = try await body(try Fixture(transport).client)
            try transport.verify()
            return value
        } catch {
            try transport.verify()
            throw error
        }
    }

    private func code(_ exchanges: [Exchange], _ body: (RegistryClient) async throws -> Void) async throws -> String? {
        await #expect(throws: RegistryError.self) { try await play(exchanges, body) }?.code.rawValue
    }

    private func v1() throws -> Tag { try Tag("v1") }

    // MARK: HEAD

    @Test func aHEADWithDigestAndTypeIsEnough() async throws {
        let found = try await play([
            head(
                200,
                [
                    ("Content-Type", "\(Self.ociIndex); charset=utf-8"), ("Docker-Content-Digest", Self.zeros),
                    ("Content-Length", "1234"),
                ])
        ]) { try await $0.descriptor(of: try v1(), in: app) }
        #expect(found == Descriptor(mediaType: Self.ociIndex, digest: try Digest(Self.zeros), size: 1234))
    }

    @Test(arguments: [
        [], [("Content-Type", ociManifest)], [("Docker-Content-Digest", zeros)],
        [("Content-Type", ociManifest), ("Docker-Content-Digest", "sha256:short")],
        [("Content-Type", "text/html"), ("Docker-Content-Digest", zeros)],
    ])
    func aHEADThatSaysTooLittleIsFollowedByAGET(headers: [(String, String)]) async throws {
        let manifest = image("{}")
        let found = try await play([head(200, headers), get(manifest)]) {
            try await $0.descriptor(of: try v1(), in: app)
        }
        #expect(found?.digest.description == digest(manifest))
        #expect(found?.size == manifest.utf8.count)
    }

    @Test(arguments: [
        (404, #"{"errors": [{"code": "MANIFEST_UNKNOWN"}]}"#), (404, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#),
        (405, #"{"errors": [{"code": "MANIFEST_UNKNOWN"}]}"#),
    ])
    func aManifestIsAbsentWhenTheRegistryItselfSaysSo(headStatus: Int, body: String) async throws {
        #expect(
            try await play([head(headStatus), get(body, status: 404)]) {
                try await $0.descriptor(of: try v1(), in: app)
            } == nil)
    }

    @Test func aProxys404IsAnErrorAndAManifestThatOnlyHEADDeniesIsFound() async throws {
        for body in ["", "<html>", #"{"errors": [{"code": "BLOB_UNKNOWN"}]}"#] {
            #expect(
                try await code([head(404), get(body, status: 404)]) {
                    _ = try await $0.descriptor(of: try v1(), in: app)
                } != nil)
        }
        let found = try await play([head(404), get(image("{}"))]) { try await $0.descriptor(of: try v1(), in: app) }
        #expect(found?.mediaType == Self.ociManifest)
    }

    @Test(arguments: [(401, "UNAUTHORIZED"), (403, "DENIED"), (410, "unexpected_status")])
    func otherStatusesOfAHEADAreErrors(status: Int, expected: String) async throws {
        #expect(try await code([head(status)]) { _ = try await $0.descriptor(of: try v1(), in: app) } == expected)
    }

    @Test func aHEADByDigestMustAnswerWithThatDigest() async throws {
        let other = try Digest("sha256:" + String(repeating: "1", count: 64))
        let answer = head(
            200, [("Content-Type", Self.ociIndex), ("Docker-Content-Digest", Self.zeros)], other.description)
        #expect(try await code([answer]) { _ = try await $0.descriptor(of: other, in: app) } == "malformed_answer")
    }

    // MARK: Bytes and digests

    @Test func theBytesMustHaveTheDigestThatWasAskedForOrStated() async throws {
        let manifest = image("{}")
        let own = try Digest(digest(manifest))
        let read = try await play([get(manifest, own.description, digest: own.description)]) {
            try await $0.manifest(.digest(own), in: app)
        }
        #expect(read.descriptor.digest == own)
        #expect(
            try await code([get(manifest, Self.zeros, digest: own.description)]) {
                _ = try await $0.manifest(.digest(try Digest(Self.zeros)), in: app)
            } == "malformed_answer")
        #expect(
            try await code([get(manifest, digest: Self.zeros)]) { _ = try await $0.manifest(.tag(try v1()), in: app) }
                == "malformed_answer")
        let long = Digest.of(Array(manifest.utf8), by: .sha512)
        #expect(
            try await play([get(manifest, digest: long.description)]) { try await $0.manifest(.tag(try v1()), in: app) }
                .descriptor.digest == long)
    }

    @Test func aManifestOfMoreThan4MiBIsRefused() async throws {
        #expect(
            try await code([get(String(repeating: " ", count: 4 << 20) + "{}")]) {
                _ = try await $0.manifest(.tag(try v1()), in: app)
            } == "truncated")
    }

    @Test(arguments: [
        ("", ociManifest, "malformed_answer"), ("<html>", "text/html", "malformed_answer"),
        ("{}", ociManifest, "UNSUPPORTED"),
        (
            #"{"schemaVersion": 1, "name": "a"}"#, "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "UNSUPPORTED"
        ),
        (#"{"schemaVersion": 2}"#, ociManifest, "malformed_answer"),
        (#"{"schemaVersion": 2, "manifests": [], "layers": []}"#, ociIndex, "malformed_answer"),
        (#"{"schemaVersion": 2, "manifests": []}"#, ociManifest, "malformed_answer"),
        (#"{"schemaVersion": 2, "mediaType": "\#(ociIndex)", "manifests": []}"#, ociManifest, "malformed_answer"),
        (
            #"{"schemaVersion": 2, "manifests": [{"mediaType": "a", "digest": "sha256:zz", "size": 1}]}"#, ociIndex,
            "malformed_answer"
        ),
        (
            #"{"schemaVersion": 2, "manifests": [{"mediaType": "a", "digest": "\#(zeros)", "size": -1}]}"#, ociIndex,
            "malformed_answer"
        ),
    ])
    func otherBodiesAreNoManifests(body: String, type: String, expected: String) async throws {
        #expect(
            try await code([get(body, type: type)]) { _ = try await $0.manifest(.tag(try v1()), in: app) } == expected)
    }

    // MARK: Images

    @Test func anImageTellsItsConfiguration() async throws {
        let config = #"""
            {"created": "2026-01-02T03:04:05Z", "os": "linux", "architecture": "arm64", "variant": "v8", "config":
            {"Labels": {"org.opencontainers.image.revision": "abc", "org.opencontainers.image.source": "https://git.example/a", "x": "y"}}}
            """#
        let manifest = image(config)
        let details = try await play([get(manifest), blob(config)]) { try await $0.image(try v1(), in: app) }
        #expect(details.digest.description == digest(manifest))
        #expect(details.mediaType == Self.ociManifest)
        #expect(details.size == 30 + config.utf8.count)
        #expect(details.platforms == ["linux/arm64"])
        #expect(details.createdAt == Date(timeIntervalSince1970: 1_767_323_045))
        #expect(details.revision == "abc")
        #expect(details.source == "https://git.example/a")
        #expect(details.labels["x"] == "y")
    }

    @Test func anIndexTellsItsPlatformsWithoutAttestationsAndTheFirstOnesConfiguration() async throws {
        let config =
            #"{"created": "0001-01-01T00:00:00Z", "os": "linux", "architecture": "amd64", "config": {"Labels": null}}"#
        let child = image(config, layers: [5])
        func platform(_ os: String, _ architecture: String, _ more: String = "") -> String {
            #", "platform": {"os": "\#(os)", "architecture": "\#(architecture)"\#(more)}"#
        }
        let attested = #", "annotations": {"vnd.docker.reference.type": "attestation-manifest"}"#
        let index = #"""
            {"schemaVersion": 2, "manifests": [
            \#(descriptor("x", Self.ociManifest, platform("unknown", "unknown") + attested)),
            \#(descriptor(child, Self.ociManifest, platform("linux", "amd64"))),
            \#(descriptor("y", Self.ociManifest, platform("linux", "arm", #", "variant": "v7""#))),
            \#(descriptor("z", Self.ociManifest, platform("linux", "amd64")))],
            "annotations": {"org.opencontainers.image.revision": "of-the-index", "org.opencontainers.image.created": "2026-01-02T03:04:05Z"}}
            """#
        let details = try await play([get(index, type: Self.ociIndex), get(child, digest(child)), blob(config)]) {
            try await $0.image(try v1(), in: app)
        }
        #expect(details.digest.description == digest(index))
        #expect(details.platforms == ["linux/amd64", "linux/arm/v7"])
        #expect(details.size == 5 + config.utf8.count)
        #expect(details.revision == "of-the-index")
        #expect(details.createdAt == Date(timeIntervalSince1970: 1_767_323_045))
        #expect(details.labels == [:])
    }

    @Test func anArtifactHasNoPlatformAndItsConfigurationIsNotRead() async throws {
        let details = try await play([get(image("{}", type: "application/vnd.cncf.helm.config.v1+json"))]) {
            try await $0.image(try v1(), in: app)
        }
        #expect(details.platforms == [])
        #expect(details.size == 32)
        let empty = #"{"schemaVersion": 2, "manifests": []}"#
        #expect(
            try await play([get(empty, type: Self.ociIndex)]) { try await $0.image(try v1(), in: app) }.platforms == [])
    }

    @Test func sizesBeyondAllBoundsDoNotTrap() async throws {
        let details = try await play([get(image("{}", layers: [.max, .max])), blob("{}")]) {
            try await $0.image(try v1(), in: app)
        }
        #expect(details.size == .max)
    }

    @Test func anAbsentImageIsAnErrorThatSaysWhichOfTheTwoIsMissing() async throws {
        for name in ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"] {
            #expect(
                try await code([get(#"{"errors": [{"code": "\#(name)"}]}"#, status: 404)]) {
                    _ = try await $0.image(try v1(), in: app)
                } == name)
        }
    }

    // MARK: Blobs

    @Test func aBlobOfOtherBytesOrMoreBytesThanItsDescriptorSaysIsRefused() async throws {
        let config = #"{"os": "linux", "architecture": "amd64"}"#
        let other = #"{"os": "linux", "architecture": "AMD64"}"#
        #expect(
            try await code([get(image(config)), blob(other, digest: digest(config))]) {
                _ = try await $0.image(try v1(), in: app)
            } == "malformed_answer")
        #expect(
            try await code([get(image(config)), blob(config + " ", digest: digest(config))]) {
                _ = try await $0.image(try v1(), in: app)
            } == "truncated")
        #expect(
            try await code([get(image("[]")), blob("[]")]) { _ = try await $0.image(try v1(), in: app) }
                == "malformed_answer")
    }

    @Test func aHugeConfigurationIsNotEvenAskedFor() async throws {
        let manifest = image("{}").replacing("\"size\": 2}", with: "\"size\": 4194305}")
        #expect(try await code([get(manifest)]) { _ = try await $0.image(try v1(), in: app) } == "truncated")
    }

    @Test func blobsAreFollowedToTheirStorageWithoutCredentials() async throws {
        let config = #"{"os": "linux", "architecture": "amd64"}"#
        let storage = "https://storage.example/blob?X-Amz-Signature=abc"
        let transport = ScriptedTransport([
            Exchange(
                "GET", "\(Self.base)/manifests/v1",
                answer: .response(status: 401, headers: [("WWW-Authenticate", "Basic realm=x")])),
            get(image(config)), blob("", digest: digest(config), status: 307, headers: [("Location", storage)]),
            Exchange("GET", storage, answer: .response(status: 200, body: config)),
        ])
        let fixture = try Fixture(transport, config: Fixture.auths([("r.io", "user", "pw")]))
        #expect(try await fixture.client.image(try v1(), in: app).platforms == ["linux/amd64"])
        try transport.verify()
        #expect(transport.requests.map { $0.headerFields[.authorization] != nil } == [false, true, true, false])
        let refused = blob(
            "", digest: digest(config), status: 307, headers: [("Location", "http://storage.example/blob")])
        #expect(
            try await code([get(image(config)), refused]) { _ = try await $0.image(try v1(), in: app) }
                == "untrusted_address")
    }

    @Test func allKindsOfManifestsAreAskedFor() async throws {
        let transport = ScriptedTransport([get(image("{}"))])
        _ = try await Fixture(transport).client.manifest(.tag(try v1()), in: app)
        let accept = transport.requests[0].headerFields[.accept] ?? ""
        for type in [
            Self.ociManifest, Self.ociIndex, "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
        ] { #expect(accept.contains(type)) }
    }
}
