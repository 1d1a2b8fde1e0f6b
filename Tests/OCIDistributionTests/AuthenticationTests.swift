import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import OCIDistribution
import RegistryTesting
import Testing

/// Basic authentication, and where credentials go; the real registry is in other suites.
@Suite struct AuthenticationTests: AuthenticationScript {
    // MARK: Basic

    @Test func basicIsLearnedOnceAndShownAtOnceFromThenOn() async throws {
        let authorization = "Basic \(basic("user", "pw"))"
        let requests = try await play(
            [
                unauthorized(#"bAsIc realm="x""#), accepted(authorization), accepted(authorization),
                accepted(authorization),
            ],
            config: auths("user"), times: 3)
        #expect(requests[0].headerFields[.authorization] == nil)
    }

    @Test func anOpenRegistryIsShownNothing() async throws {
        let requests = try await play(
            [Exchange("GET", Self.list, answer: Self.listing), Exchange("GET", Self.list, answer: Self.listing)],
            config: auths("user"), times: 2)
        #expect(requests.allSatisfy { $0.headerFields[.authorization] == nil })
    }

    @Test func severalMatchingCredentialsAreTriedEachOnceAndTheOneThatWorksIsRemembered() async throws {
        let (old, new) = ("Basic \(basic("old", "pw"))", "Basic \(basic("new", "pw"))")
        try await play(
            [
                unauthorized("Basic realm=x"), unauthorized("Basic realm=x", authorization: old), accepted(new),
                accepted(new),
            ],
            config: auths("old", "new"), times: 2)
    }

    @Test func wrongCredentialsAreAnErrorAfterOneTryOfEach() async throws {
        let error = try await failure(
            [
                unauthorized("Basic realm=x"),
                unauthorized("Basic realm=x", authorization: "Basic \(basic("a", "pw"))"),
                unauthorized("Basic realm=x", authorization: "Basic \(basic("b", "pw"))"),
            ], config: auths("a", "b"))
        #expect(error.code == .unauthorized)
        #expect(error.status == 401)
        #expect(error.description.contains("config.json"))
        #expect(!error.description.contains(basic("a", "pw")))
    }

    @Test func withoutCredentialsA401IsTheAnswer() async throws {
        #expect(try await failure([unauthorized("Basic realm=x")], config: nil).code == .unauthorized)
        #expect(try await failure([unauthorized()], config: auths("user")).code == .unauthorized)
    }

    @Test func a403EndsTheAttemptWhateverOtherCredentialsThereAre() async throws {
        let error = try await failure(
            [
                unauthorized("Basic realm=x"),
                unauthorized("Basic realm=x", authorization: "Basic \(basic("a", "pw"))", status: 403),
            ],
            config: auths("a", "b"))
        #expect(error.code == .denied)
    }

    @Test func aRotatedSecretCountsFromTheNextRequestOn() async throws {
        let (old, new) = ("Basic \(basic("old", "pw"))", "Basic \(basic("new", "pw"))")
        try await play(
            [unauthorized("Basic realm=x"), accepted(old), accepted(new)], config: auths("old"), times: 2,
            between: { try $0.directory.write(auths("new"), to: "config.json") })
    }

    @Test func theEndpointsOwnCredentialsComeBeforeThoseOfTheReferencesName() async throws {
        let config = Fixture.auths([("r.io", "outside", "pw"), ("inner.svc:5000", "inside", "pw")])
        let url = "http://inner.svc:5000/v2/webapp/app/tags/list"
        try await play(
            [
                unauthorized("Basic realm=x", url: url),
                unauthorized("Basic realm=x", authorization: "Basic \(basic("inside", "pw"))", url: url),
                accepted("Basic \(basic("outside", "pw"))", url: url),
            ], config: config, endpoint: "http://inner.svc:5000")
    }

    // MARK: Where credentials go

    @Test func credentialsDoNotFollowARedirectToAnotherHostPortOrScheme() async throws {
        for target in ["https://other.io/x", "https://r.io:8443/x"] {
            let requests = try await play(
                [
                    unauthorized("Basic realm=x"),
                    Exchange("GET", Self.list, answer: .response(status: 307, headers: [("Location", target)])),
                    Exchange("GET", target, answer: Self.listing),
                ], config: auths("user"))
            #expect(requests[1].headerFields[.authorization] != nil)
            #expect(requests[2].headerFields[.authorization] == nil)
        }
    }

    @Test func aForeignServersChallengeIsNotAnswered() async throws {
        let error = try await failure(
            [
                Exchange(
                    "GET", Self.list, answer: .response(status: 307, headers: [("Location", "https://other.io/x")])),
                unauthorized("Basic realm=x", url: "https://other.io/x"),
            ], config: auths("user"))
        #expect(error.code == .unauthorized)
    }

    @Test func theClientCertificateIsShownToTheRegistryOnly() async throws {
        let certificate = TLSOptions.ClientCertificate(chain: [1], privateKey: [2])
        let requests = try await play(
            [
                unauthorized(Self.bearer.replacing("https://r.io/", with: "https://auth.io/")),
                token(url: "https://auth.io/token?\(Self.scopeQuery)"), accepted("Bearer t1"),
            ], config: nil,
            adjusting: {
                $0.tls.clientCertificate = certificate
                $0.allowedTokenRealms = [try? RegistryHost("auth.io")].compactMap(\.self)
            })
        #expect(requests.map { $0.tls.clientCertificate != nil } == [true, false, true])
    }

    @Test(arguments: [
        "https://evil.example/token", "http://r.io/token", "https://127.0.0.1:6443/token", "https://[::1]/",
        "file:///etc/passwd", "", "https://",
    ])
    func realmsThatAreNeitherTheRegistrysNorAllowedGetNothing(realm: String) async throws {
        let error = try await failure(
            [unauthorized(#"Bearer realm="\#(realm)",service="r.io""#)], config: auths("user"))
        #expect(error.code == .untrustedAddress)
        #expect(!error.isTransient)
    }

    @Test func schemesThatNobodyKnowsAreAnErrorThatNamesThem() async throws {
        let error = try await failure([unauthorized("Negotiate", #"Digest realm="x""#)], config: auths("user"))
        #expect(error.code == .unknownChallenge)
        #expect(error.summary.contains("negotiate, digest"))
    }
}
