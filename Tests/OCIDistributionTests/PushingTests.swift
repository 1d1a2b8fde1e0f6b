import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import OCIDistribution
import RegistryTesting
import Testing

/// What a registry may answer when a tag is pointed to a manifest.
@Suite struct PushingTests: AuthenticationScript {
    private static let type = "application/vnd.oci.image.index.v1+json"
    // With white space that an encoder would lose.
    private static let bytes = #"{"schemaVersion": 2,  "mediaType": "\#(type)", "manifests": [ ]}"# + "\n"
    private static let digest = Digest.sha256(of: Array(bytes.utf8))
    private static let other = "sha256:" + String(repeating: "1", count: 64)
    private static let base = "https://r.io/v2/webapp/app/manifests"

    private func get(_ authorization: String? = nil) -> Exchange {
        Exchange(
            "GET", "\(Self.base)/\(Self.digest)", headers: authorization.map { ["Authorization": $0] } ?? [:],
            answer: .response(status: 200, headers: [("Content-Type", Self.type)], body: Self.bytes))
    }

    private func put(_ answer: ScriptedTransport.Answer, _ authorization: String? = nil) -> Exchange {
        var headers = ["Content-Type": Self.type]
        headers["Authorization"] = authorization
        return Exchange("PUT", "\(Self.base)/latest", headers: headers, answer: answer)
    }

    private func created(digest: String? = digest.description) -> ScriptedTransport.Answer {
        .response(status: 201, headers: digest.map { [("Docker-Content-Digest", $0)] } ?? [])
    }

    private func refused(_ status: Int, _ code: String, _ headers: [(String, String)] = []) -> ScriptedTransport.Answer
    {
        .response(
            status: status, headers: headers,
            body: code.isEmpty ? "" : #"{"errors": [{"code": "\#(code)", "message": "no"}]}"#)
    }

    private func tag(_ fixture: Fixture) async throws -> Digest {
        let manifest = try await fixture.client.manifest(.digest(Self.digest), in: app)
        return try await fixture.client.tag(manifest, as: try Tag("latest"), in: app)
    }

    /// Reads the manifest, points `latest` to it, and checks the script.
    @discardableResult
    private func play(_ exchanges: [Exchange], config: String? = nil, first: Exchange? = nil) async throws
        -> [OutboundRequest]
    {
        let transport = ScriptedTransport([first ?? get()] + exchanges)
        let fixture = try Fixture(transport, config: config)
        do {
            #expect(try await tag(fixture) == Self.digest)
        } catch {
            try transport.verify()
            throw error
        }
        try transport.verify()
        return transport.requests
    }

    private func failure(_ exchanges: [Exchange]) async throws -> RegistryError {
        try #require(await #expect(throws: RegistryError.self) { try await play(exchanges) })
    }

    @Test func theBytesAndTheTypeAreThoseThatWereRead() async throws {
        let requests = try await play([put(created())])
        #expect(requests.last?.body == Array(Self.bytes.utf8))
        #expect(requests.last?.headerFields[.contentType] == Self.type)
    }

    // MARK: What is served then

    @Test(arguments: [nil, "sha256:short"])
    func aRegistryThatStatesNoDigestIsAskedWhatItServes(stated: String?) async throws {
        func head(_ digest: String) -> Exchange {
            Exchange(
                "HEAD", "\(Self.base)/latest",
                answer: .response(
                    status: 200, headers: [("Content-Type", Self.type), ("Docker-Content-Digest", digest)]))
        }
        try await play([put(created(digest: stated)), head(Self.digest.description)])
        let error = try await failure([put(created(digest: stated)), head(Self.other)])
        #expect(error.code == .malformedAnswer)
        #expect(error.description.contains(Self.other))
    }

    @Test func aRegistryThatStatesNoDigestAndServesNothingIsAnError() async throws {
        let error = try await failure([
            put(created(digest: nil)),
            Exchange("HEAD", "\(Self.base)/latest", answer: .response(status: 404)),
            Exchange("GET", "\(Self.base)/latest", answer: refused(404, "MANIFEST_UNKNOWN")),
        ])
        #expect(error.code == .malformedAnswer)
        #expect(error.summary.contains("nothing"))
    }

    @Test func anotherDigestThanThatOfTheBytesIsAnError() async throws {
        let error = try await failure([put(created(digest: Self.other))])
        #expect(error.code == .malformedAnswer)
        #expect(error.description.contains(Self.other))
        #expect(error.description.contains("r.io/webapp/app:latest to \(Self.digest)"))
    }

    @Test func theDigestMayBeOfAnotherAlgorithm() async throws {
        let long = Digest.of(Array(Self.bytes.utf8), by: .sha512)
        let transport = ScriptedTransport([get(), put(created(digest: long.description))])
        #expect(try await tag(Fixture(transport)) == long)
    }

    // MARK: Refusals

    @Test(arguments: [
        (400, "MANIFEST_INVALID", "MANIFEST_INVALID", ""), (400, "MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", ""),
        (403, "DENIED", "DENIED", "pushing"), (405, "UNSUPPORTED", "UNSUPPORTED", "read-only"),
        (401, "UNAUTHORIZED", "UNAUTHORIZED", "pushing"), (409, "TAG_IMMUTABLE", "TAG_IMMUTABLE", ""),
        (200, "", "unexpected_status", ""), (202, "", "unexpected_status", ""),
    ])
    func aRefusalIsToldWithWhatIsMissing(status: Int, code: String, expected: String, advice: String) async throws {
        let error = try await failure([put(refused(status, code))])
        #expect(error.code.rawValue == expected)
        #expect(error.status == status)
        #expect(!error.isTransient)
        #expect(advice.isEmpty || error.advice.contains(advice), "\(error)")
    }

    @Test func readingStillTellsThatPullingIsMissing() async throws {
        let transport = ScriptedTransport([
            Exchange("GET", "\(Self.base)/\(Self.digest)", answer: refused(403, "DENIED"))
        ])
        let error = await #expect(throws: RegistryError.self) { try await tag(Fixture(transport)) }
        #expect(error?.advice.contains("pulling") == true)
    }

    @Test(arguments: [301, 302, 303, 307, 308], ["https://r.io/elsewhere", "https://mirror.example/v2/"])
    func aWriteIsNotRedirected(status: Int, target: String) async throws {
        let error = try await failure([put(.response(status: status, headers: [("Location", target)]))])
        #expect(error.code == .untrustedAddress)
        #expect(error.description.contains(target))
    }

    // MARK: Repeating

    @Test func aLostAnswerIsAskedForAgain() async throws {
        let requests = try await play([
            put(.failure(TransportError(.totalTimeout, "too slow"))), put(.response(status: 503)), put(created()),
        ])
        #expect(requests.suffix(3).allSatisfy { $0.body == Array(Self.bytes.utf8) })
    }

    @Test func itIsOverWhenTheTimeIs() async throws {
        let clock = ManualClock()
        let transport = ScriptedTransport([get(), put(.hang)])
        let fixture = try Fixture(transport, clock: clock)
        let push = Task { try await tag(fixture) }
        try await eventually { transport.requests.count == 2 }
        try await clock.waitForSleep(of: .seconds(20))
        clock.advance(by: .seconds(20))
        let error = await #expect(throws: RegistryError.self) { try await push.value }
        #expect(error?.code == .timeout)
        #expect(error?.operation.contains("latest") == true)
    }

    // MARK: Rights

    private static let challenge = #"Bearer realm="https://r.io/token",service="r.io""#
    private static let pushQuery = "service=r.io&scope=repository%3Awebapp%2Fapp%3Apull%2Cpush"

    /// Registries name the actions in any order, which makes no scope of its own.
    @Test(arguments: [
        #",scope="repository:webapp/app:pull,push""#, #",scope="repository:webapp/app:push,pull""#, "",
        #",scope="repository:webapp/app:push""#,
    ])
    func pushingAsksForATokenOfItsOwn(scope: String) async throws {
        let unauthorized = ScriptedTransport.Answer.response(
            status: 401, headers: [("WWW-Authenticate", Self.challenge + scope)], body: Self.refusal)
        let transport = ScriptedTransport([
            put(unauthorized), token(url: "https://r.io/token?\(Self.pushQuery)", user: "builder"),
            put(created(), "Bearer t1"), put(created(), "Bearer t1"),
            token(#"{"token": "t2"}"#, user: "builder"), get("Bearer t2"),
        ])
        let manifest = try await Fixture(ScriptedTransport([get()])).client.manifest(.digest(Self.digest), in: app)
        let fixture = try Fixture(transport, config: auths("builder"))
        for _ in 0..<2 { _ = try await fixture.client.tag(manifest, as: try Tag("latest"), in: app) }
        _ = try await fixture.client.manifest(.digest(Self.digest), in: app)
        try transport.verify()
    }

    /// A credential that may pull only must not be the first to push, nor the other way round.
    @Test func whatProvedGoodForPullingIsNotWhatPushes() async throws {
        let basicChallenge = [("WWW-Authenticate", #"Basic realm="r""#)]
        let (reader, writer) = ("Basic \(basic("reader", "pw"))", "Basic \(basic("writer", "pw"))")
        let transport = ScriptedTransport([
            Exchange(
                "GET", "\(Self.base)/\(Self.digest)",
                answer: .response(status: 401, headers: basicChallenge, body: Self.refusal)),
            get(reader), put(refused(401, "UNAUTHORIZED", basicChallenge), reader), put(created(), writer),
            get(reader), put(created(), writer),
        ])
        let fixture = try Fixture(transport, config: auths("reader", "writer"))
        for _ in 0..<2 { #expect(try await tag(fixture) == Self.digest) }
        try transport.verify()
    }
}
