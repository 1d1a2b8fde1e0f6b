import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import RegistryTesting
import Testing

@testable import OCIDistribution

/// The rows of token authentication that need a server which behaves in a certain way; the real ones are in another
/// suite.
@Suite struct TokenAuthenticationTests: AuthenticationScript {
    @Test(arguments: [
        (#"{"token": "t1"}"#, [bearer]), (#"{"access_token": "t1", "expires_in": 300}"#, [bearer]),
        (#"{"token": "t1", "access_token": "t1", "issued_at": "2026-01-01T00:00:00Z"}"#, ["Basic realm=x", bearer]),
        (
            #"{"token": "t1"}"#,
            [#"BEARER REALM="https://r.io/token", Service="r.io" , SCOPE="repository:webapp/app:pull""#]
        ),
        (#"{"token": "t1"}"#, ["\(bearer), Basic realm=x"]),
    ])
    func aTokenIsFetchedWithTheCredentialsAndShown(answer: String, challenges: [String]) async throws {
        let challenge = ScriptedTransport.Exchange(
            "GET", Self.list,
            answer: .response(status: 401, headers: challenges.map { ("WWW-Authenticate", $0) }, body: Self.refusal))
        try await play([challenge, token(answer, user: "user"), accepted("Bearer t1")], config: auths("user"))
    }

    @Test func aTokenIsUsedUntilShortlyBeforeItExpires() async throws {
        let clock = ManualClock()
        // 60 s as nothing else is said; the margin is 10 s.
        try await play(
            [
                unauthorized(Self.bearer), token(user: "user"), accepted("Bearer t1"), accepted("Bearer t1"),
                token(#"{"token": "t2", "expires_in": 300}"#, user: "user"), accepted("Bearer t2"),
                accepted("Bearer t2"),
            ], config: auths("user"), times: 4, clock: clock,
            between: { _ in clock.advance(by: clock.now.offset < .seconds(49) ? .seconds(49) : .seconds(2)) })
    }

    @Test func theRealmsOwnQueryIsKeptAndAServiceIsNotInvented() async throws {
        try await play(
            [
                unauthorized(#"Bearer realm="https://r.io/token?tenant=a%20b&x""#),
                token(url: "https://r.io/token?tenant=a%20b&x&scope=repository%3Awebapp%2Fapp%3Apull"),
                accepted("Bearer t1"),
            ], config: nil)
    }

    @Test func whatARegistryWantsBeyondPullIsAskedForAsOneMoreScope() async throws {
        // Azure wants metadata_read for a listing.
        let challenge = #"Bearer realm="https://r.io/token",service="r.io",scope="repository:webapp/app:metadata_read""#
        let url = "https://r.io/token?\(Self.scopeQuery)&scope=repository%3Awebapp%2Fapp%3Ametadata_read"
        try await play(
            [
                unauthorized(challenge), token(url: url, user: "user"), accepted("Bearer t1"), accepted("Bearer t1"),
            ], config: auths("user"), times: 2)
    }

    @Test func aTokenThatTheRegistryDoesNotLikeIsRenewedOnceAndNoMore() async throws {
        let renewed = token(#"{"token": "t2"}"#, user: "user")
        try await play(
            [
                unauthorized(Self.bearer), token(user: "user"), accepted("Bearer t1"),
                unauthorized(Self.bearer, authorization: "Bearer t1"), renewed, accepted("Bearer t2"),
                accepted("Bearer t2"),
            ], config: auths("user"), times: 3)
        let transport = ScriptedTransport([
            unauthorized(Self.bearer), token(user: "user"), accepted("Bearer t1"),
            unauthorized(Self.bearer, authorization: "Bearer t1"), renewed,
            unauthorized(Self.bearer, authorization: "Bearer t2"),
        ])
        let fixture = try Fixture(transport, config: auths("user"))
        _ = try await fixture.client.tags(of: app)
        let error = await #expect(throws: RegistryError.self) { try await fixture.client.tags(of: app) }
        #expect(error?.code == .unauthorized)
        try transport.verify()
    }

    @Test func aRegistryThatWantsMoreEachTimeGetsOneMoreTokenAndNoThird() async throws {
        func wanting(_ number: Int, authorization: String? = nil) -> ScriptedTransport.Exchange {
            let scope = "repository:webapp/app:more\(number)"
            return unauthorized(
                #"Bearer realm="https://r.io/token",service="r.io",scope="\#(scope)""#, authorization: authorization)
        }
        let url = "https://r.io/token?\(Self.scopeQuery)&scope=repository%3Awebapp%2Fapp%3Amore1"
        let error = try await failure(
            [
                wanting(1), token(url: url, user: "user"), wanting(2, authorization: "Bearer t1"),
                token(#"{"token": "t2"}"#, url: "\(url)&scope=repository%3Awebapp%2Fapp%3Amore2", user: "user"),
                wanting(3, authorization: "Bearer t2"),
            ], config: auths("user"))
        #expect(error.code == .unauthorized)
    }

    @Test(arguments: [401, 403])
    func aNewTokenThatIsRefusedEndsTheAttempt(status: Int) async throws {
        let error = try await failure(
            [
                unauthorized(Self.bearer), token(user: "user"),
                unauthorized(Self.bearer, authorization: "Bearer t1", status: status),
            ], config: auths("user", "other"))
        #expect(error.code == (status == 401 ? .unauthorized : .denied))
    }

    @Test func a403WithATokenFromBeforeIsTriedWithANewOne() async throws {
        try await play(
            [
                unauthorized(Self.bearer), token(user: "user"), accepted("Bearer t1"),
                unauthorized(authorization: "Bearer t1", status: 403), token(#"{"token": "t2"}"#, user: "user"),
                accepted("Bearer t2"),
            ], config: auths("user"), times: 2)
    }

    @Test func aCredentialThatTheTokenServerRefusesIsFollowedByTheNext() async throws {
        try await play(
            [
                unauthorized(Self.bearer), token(Self.refusal, status: 401, user: "old"), token(user: "new"),
                accepted("Bearer t1"),
                accepted("Bearer t1"),
            ], config: auths("old", "new"), times: 2)
        let error = try await failure(
            [unauthorized(Self.bearer), token(Self.refusal, status: 401, user: "old")], config: auths("old"))
        #expect(error.code == .unauthorized)
        #expect(error.description.contains("https://r.io/token"))
        #expect(error.description.contains("list the tags"))
    }

    @Test func anOldCredentialsTokenIsNotUsedOnceTheSecretHasChanged() async throws {
        try await play(
            [
                unauthorized(Self.bearer), token(#"{"token": "t1", "expires_in": 300}"#, user: "old"),
                accepted("Bearer t1"),
                token(#"{"token": "t2"}"#, user: "new"), accepted("Bearer t2"),
            ], config: auths("old"), times: 2, between: { try $0.directory.write(auths("new"), to: "config.json") })
    }

    @Test func anIdentityTokenGoesByPOSTToTheTokenServerOnly() async throws {
        let requests = try await play(
            [
                unauthorized(Self.bearer), token(#"{"access_token": "t1"}"#, url: "https://r.io/token", method: "POST"),
                accepted("Bearer t1"),
            ],
            config: #"{"auths": {"r.io": {"identitytoken": "refresh/me&"}}}"#)
        #expect(
            requests[1].body.map { String(decoding: $0, as: UTF8.self) }
                == "grant_type=refresh_token&refresh_token=refresh%2Fme%26&client_id=registry-query&service=r.io"
                + "&scope=repository%3Awebapp%2Fapp%3Apull")
        #expect(requests[1].headerFields[.contentType] == "application/x-www-form-urlencoded")
        #expect(requests[1].headerFields[.authorization] == nil)
        #expect(requests[2].body == nil)
    }

    @Test(arguments: [404, 405])
    func aServerThatKnowsNoPOSTIsAskedByGET(status: Int) async throws {
        try await play(
            [
                unauthorized(Self.bearer), token("", status: status, url: "https://r.io/token", method: "POST"),
                token(user: "user"), accepted("Bearer t1"),
            ],
            config: #"{"auths": {"r.io": {"auth": "\#(basic("user", "pw"))", "identitytoken": "refresh"}}}"#)
    }

    @Test func aRefusedIdentityTokenIsAnErrorWithoutATryByGET() async throws {
        let error = try await failure(
            [
                unauthorized(Self.bearer),
                token(#"{"error": "invalid_grant"}"#, status: 400, url: "https://r.io/token", method: "POST"),
            ],
            config: #"{"auths": {"r.io": {"identitytoken": "refresh"}}}"#)
        #expect(error.code == .unauthorized)
        #expect(!error.description.contains("refresh_token"))
    }

    @Test func aRegistryTokenIsShownToTheRegistryDirectly() async throws {
        try await play(
            [unauthorized(Self.bearer), accepted("Bearer own"), accepted("Bearer own")],
            config: #"{"auths": {"r.io": {"registrytoken": "own"}}}"#, times: 2)
    }

    @Test(arguments: [
        ("<html>", "malformed_answer"), (#"{"token": ""}"#, "malformed_answer"),
        (#"{"token": "a\nb"}"#, "malformed_answer"),
        (#"{"token": "\#(String(repeating: "x", count: 70_000))"}"#, "truncated"),
    ])
    func tokenAnswersThatAreNoneOrTooLongAreErrors(body: String, code: String) async throws {
        let error = try await failure([unauthorized(Self.bearer), token(body, user: "user")], config: auths("user"))
        #expect(error.code.rawValue == code)
    }

    @Test func tokenRequestsAreTriedAgainByGETAndNeverByPOST() async throws {
        try await play(
            [
                unauthorized(Self.bearer), token("", status: 503, user: "user"), token("", status: 429, user: "user"),
                token(user: "user"), accepted("Bearer t1"),
            ],
            config: auths("user"))
        let error = try await failure(
            [unauthorized(Self.bearer), token("", status: 503, url: "https://r.io/token", method: "POST")],
            config: #"{"auths": {"r.io": {"identitytoken": "refresh"}}}"#)
        #expect(error.code == .unavailable)
    }

    // MARK: Many at once

    /// A registry with a token server; the first answers come once `challenges` is open, tokens once `tokens` is.
    private func gated(challenges: Gate? = nil, tokens: Gate) -> FunctionTransport {
        FunctionTransport { request, _ in
            if request.url.path == "/token" {
                try await tokens.pass()
                return .text(200, #"{"token": "t1", "expires_in": 300}"#)
            }
            guard request.headerFields[.authorization] == "Bearer t1" else {
                try await challenges?.pass()
                return .text(401, Self.refusal, [("WWW-Authenticate", Self.bearer)])
            }
            return .text(200, #"{"name": "webapp/app", "tags": ["v1"]}"#)
        }
    }

    private func tokenRequests(_ transport: FunctionTransport) -> Int {
        transport.requests.count { $0.url.path == "/token" }
    }

    @Test func oneTokenRequestServesManyWaiters() async throws {
        let (challenges, tokens) = (Gate(), Gate())
        let transport = gated(challenges: challenges, tokens: tokens)
        let fixture = try Fixture(transport, config: auths("user"), clock: ManualClock())
        try await withThrowingTaskGroup(of: TagListing.self) { group in
            for _ in 0..<20 { group.addTask { try await fixture.client.tags(of: app) } }
            try await eventually { transport.requests.count == 20 }
            challenges.open()
            try await eventually { tokenRequests(transport) == 1 }
            try await eventually { await fixture.client.authenticator.waiterCount == 20 }
            tokens.open()
            for try await listing in group { #expect(listing.tags.count == 1) }
        }
        #expect(tokenRequests(transport) == 1)
    }

    @Test(arguments: [0, 1])
    func aWaiterThatIsCancelledLeavesTheOthersTheirToken(cancelled: Int) async throws {
        let (challenges, tokens) = (Gate(), Gate())
        let transport = gated(challenges: challenges, tokens: tokens)
        let fixture = try Fixture(transport, config: auths("user"), clock: ManualClock())
        let callers = (0..<2).map { _ in Task { try await fixture.client.tags(of: app) } }
        try await eventually { transport.requests.count == 2 }
        challenges.open()
        try await eventually { tokenRequests(transport) == 1 }
        try await eventually { await fixture.client.authenticator.waiterCount == 2 }
        callers[cancelled].cancel()
        await #expect(throws: CancellationError.self) { try await callers[cancelled].value }
        tokens.open()
        #expect(try await callers[1 - cancelled].value.tags.count == 1)
        #expect(tokenRequests(transport) == 1)
    }

    @Test func whenAllWaitersAreCancelledTheTokenRequestIsTooAndTheNextCallerStartsAnew() async throws {
        let gate = Gate()
        let transport = gated(tokens: gate)
        let fixture = try Fixture(transport, config: auths("user"), clock: ManualClock())
        let task = Task { try await fixture.client.tags(of: app) }
        try await eventually { tokenRequests(transport) == 1 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        gate.open()
        #expect(try await fixture.client.tags(of: app).tags.count == 1)
        #expect(tokenRequests(transport) == 2)
    }
}
