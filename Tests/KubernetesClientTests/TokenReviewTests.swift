import HTTPTransport
import HTTPTransportTesting
import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("A review says whose a token is, and for whom", .timeLimit(.minutes(5)))
struct TokenReviewTests {
    static let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiJuOG4iLCJhdWQiOiJyIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    static let url = "https://api.example:6443/apis/authentication.k8s.io/v1/tokenreviews"

    static let recorded: [(name: String, review: TokenReview)] = [
        (
            "tokenreview-authenticated",
            TokenReview(
                isAuthenticated: true, username: "system:serviceaccount:build-system:buildkit-sa",
                audiences: ["registry-query"])
        ),
        (
            "tokenreview-default-audience",
            TokenReview(
                isAuthenticated: true, username: "system:serviceaccount:build-system:registry-query",
                audiences: ["https://kubernetes.default.svc.cluster.local"])
        ),
        ("tokenreview-invalid", TokenReview(isAuthenticated: false)),
        ("tokenreview-wrong-audience", TokenReview(isAuthenticated: false)),
    ]

    @Test("recorded answers", arguments: recorded)
    func recordings(_ name: String, _ expected: TokenReview) async throws {
        var review = try await client(try Recording(name).transport()).review(token: Self.token, audiences: [])
        #expect((review.error != nil) == !expected.isAuthenticated)
        if name == "tokenreview-wrong-audience" {
            #expect(review.error?.contains(#"audiences ["registry-query"] is invalid"#) == true)
        }
        review.error = nil
        #expect(review == expected)
    }

    @Test("what an answer leaves out says no", arguments: ["{}", #"{"user":{}}"#, #"{"authenticated":false}"#])
    func missing(_ status: String) async throws {
        let body = #"{"kind":"TokenReview","status":\#(status)}"#
        let review = try await client(PieceTransport(status: 201, body: Array(body.utf8)))
            .review(token: Self.token, audiences: [])
        #expect(review == TokenReview(isAuthenticated: false))
    }

    @Test("the right that is missing is named, and who has to grant it")
    func forbidden() async throws {
        let error = await kubernetesError {
            _ = try await client(try Recording("tokenreview-403").transport()).review(token: Self.token, audiences: [])
        }
        #expect(error?.code == .forbidden)
        #expect(
            error?.description.hasSuffix(
                "(allow create on tokenreviews.authentication.k8s.io in a ClusterRole of the account if it is missing)")
                == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("create tokenreviews.authentication.k8s.io failed: 403") == true)
    }

    @Test("a review is repeated like a read")
    func retried() async throws {
        let body = String(decoding: try Recording("tokenreview-authenticated").body, as: UTF8.self)
        let transport = ScriptedTransport([
            .init("POST", Self.url, answer: RetryTests.lost),
            .init("POST", Self.url, answer: .response(status: 503, body: "")),
            .init("POST", Self.url, answer: .response(status: 201, body: body)),
        ])
        #expect(try await client(transport).review(token: Self.token, audiences: ["registry-query"]).isAuthenticated)
        try transport.verify()
    }

    /// Answers that send back what they were sent.
    static let echoes: [(status: Int, body: String)] = [
        (201, token), (201, #"{"kind":"Pod","spec":{"token":"\#(token)"}}"#), (201, #"{"token":"\#(token)"}"#),
        (201, #"{"kind":"TokenReview","status":"\#(token)"}"#), (400, "cannot read \(token)"),
        (400, #"{"kind":"Status","reason":"BadRequest","message":"json parse error (\#(token))"}"#),
        (403, #"{"kind":"Status","reason":"Forbidden","message":"{\"token\":\"\#(token)\"}"}"#),
        (500, "<html>\(token)</html>"), (502, #"{"spec":{"token":"\#(token)"}}"#),
    ]

    @Test("no error shows the token, whatever comes back", arguments: 0..<echoes.count)
    func echo(_ index: Int) async throws {
        let (status, body) = Self.echoes[index]
        let error = try #require(
            await kubernetesError {
                _ = try await client(PieceTransport(status: status, body: Array(body.utf8)))
                    .review(token: Self.token, audiences: ["registry-query"])
            })
        for part in Self.token.split(separator: ".") {
            #expect(!"\(error) \(String(reflecting: error))".contains(part), "\(error)")
        }
        let refused = PieceTransport(
            status: 201,
            body: Array(#"{"kind":"TokenReview","status":{"error":"not valid: \#(Self.token)"}}"#.utf8))
        let review = try await client(refused).review(token: Self.token, audiences: [])
        #expect(review.error?.hasPrefix("not valid: ") == true && !"\(review)".contains(Self.token.suffix(8)))
    }

    @Test("over real HTTP: the account's rights decide whether it may ask, the audience whether it is true")
    func standIn() async throws {
        try await TestCluster.run { cluster in
            #expect(
                await kubernetesError { _ = try await cluster.client.review(token: Self.token, audiences: []) }?.code
                    == .forbidden)
            cluster.standIn.withSettings { settings in
                settings.allowed = [.tokenReviews]
                settings.reviewedTokens[Self.token] = ReviewedToken(
                    username: "system:serviceaccount:automation:n8n", audiences: ["registry-query", "other"])
            }
            for (audiences, expected) in [
                (["registry-query"], ["registry-query"]), (["third", "other"], ["other"]), (["third"], []), ([], []),
            ] {
                let review = try await cluster.client.review(token: Self.token, audiences: audiences)
                #expect(review.isAuthenticated == !expected.isEmpty && review.audiences == expected)
                #expect(review.username == (expected.isEmpty ? nil : "system:serviceaccount:automation:n8n"))
            }
            #expect(cluster.standIn.usedAccess == [.tokenReviews])
        }
    }
}
