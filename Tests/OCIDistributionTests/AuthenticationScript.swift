import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import OCIDistribution
import Testing

/// The exchanges that authentication consists of, and a client that plays them.
protocol AuthenticationScript {}

extension AuthenticationScript {
    typealias Exchange = ScriptedTransport.Exchange
    static var list: String { "https://r.io/v2/webapp/app/tags/list" }
    static var listing: ScriptedTransport.Answer {
        .response(status: 200, body: #"{"name": "webapp/app", "tags": ["v1"]}"#)
    }
    static var refusal: String { #"{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}"# }
    static var scopeQuery: String { "service=r.io&scope=repository%3Awebapp%2Fapp%3Apull" }
    static var bearer: String {
        #"Bearer realm="https://r.io/token",service="r.io",scope="repository:webapp/app:pull""#
    }

    func unauthorized(
        _ challenges: String..., authorization: String? = nil, url: String = list, status: Int = 401
    ) -> Exchange {
        Exchange(
            "GET", url, headers: authorization.map { ["Authorization": $0] } ?? [:],
            answer: .response(status: status, headers: challenges.map { ("WWW-Authenticate", $0) }, body: Self.refusal))
    }

    func accepted(_ authorization: String, url: String = list) -> Exchange {
        Exchange("GET", url, headers: ["Authorization": authorization], answer: Self.listing)
    }

    func token(
        _ body: String = #"{"token": "t1"}"#, status: Int = 200, url: String = "https://r.io/token?\(scopeQuery)",
        user: String? = nil, method: String = "GET"
    ) -> Exchange {
        Exchange(
            method, url, headers: user.map { ["Authorization": "Basic \(basic($0, "pw"))"] } ?? [:],
            answer: .response(status: status, body: body))
    }

    func auths(_ users: String...) -> String {
        Fixture.auths(zip(["r.io", "*.io", "r.*"], users).map { ($0, $1, "pw") })
    }

    /// Lists the tags several times and checks the script.
    @discardableResult
    func play(
        _ exchanges: [Exchange], config: String?, times: Int = 1, endpoint: String = "https://r.io",
        clock: any Clock<Duration> = ContinuousClock(),
        between: (Fixture) async throws -> Void = { _ in },
        adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) async throws -> [OutboundRequest] {
        let transport = ScriptedTransport(exchanges)
        let fixture = try Fixture(transport, config: config, endpoint: endpoint, clock: clock, adjusting: adjust)
        do {
            for round in 0..<times {
                if round > 0 { try await between(fixture) }
                #expect(try await fixture.client.tags(of: app).tags.map(\.name) == ["v1"])
            }
        } catch {
            try transport.verify()
            throw error
        }
        try transport.verify()
        return transport.requests
    }

    func failure(
        _ exchanges: [Exchange], config: String?, endpoint: String = "https://r.io",
        adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) async throws -> RegistryError {
        try #require(
            await #expect(throws: RegistryError.self) {
                try await play(exchanges, config: config, endpoint: endpoint, adjusting: adjust)
            })
    }
}
