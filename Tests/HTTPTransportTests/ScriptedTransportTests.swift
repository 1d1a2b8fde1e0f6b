import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import Testing

@Suite struct ScriptedTransportTests {
    private let url: HTTPURL

    init() throws { url = try HTTPURL("http://far.example/a") }

    @Test func scriptThatWasPlayedIsFine() async throws {
        let transport = ScriptedTransport([
            .init("GET", "http://far.example/a", headers: ["accept": "x"], answer: .response(status: 200, body: "hi"))
        ])
        let response = try await transport.send(OutboundRequest(url: url, headerFields: [.accept: "x", .range: "y"]))
        #expect(try await response.body.collect(upTo: 10) == Array("hi".utf8))
        #expect(transport.requests.map(\.url) == [url])
        try transport.verify()
    }

    @Test func requestThatIsNotExpectedIsAProblem() async throws {
        let expected = ScriptedTransport.Exchange(
            "GET", "http://far.example/a", headers: ["Accept": "x"], answer: .response(status: 200))
        let requests = [
            OutboundRequest(url: try HTTPURL("http://far.example/b"), headerFields: [.accept: "x"]),
            OutboundRequest(method: .post, url: url, headerFields: [.accept: "x"]),
            OutboundRequest(url: url, headerFields: [.accept: "y"]), OutboundRequest(url: url),
        ]
        for request in requests {
            let transport = ScriptedTransport([expected])
            await #expect(throws: TransportError.self) { try await transport.send(request) }
            let problems = #expect(throws: ScriptedTransport.Problems.self) { try transport.verify() }
            #expect(problems?.description.contains("unexpected request") == true)
        }
        let empty = ScriptedTransport([])
        await #expect(throws: TransportError.self) { try await empty.send(OutboundRequest(url: url)) }
        #expect(throws: ScriptedTransport.Problems.self) { try empty.verify() }
    }

    @Test func exchangeThatWasNotUsedIsAProblem() throws {
        let transport = ScriptedTransport([.init("GET", "http://far.example/a", answer: .hang)])
        let problems = #expect(throws: ScriptedTransport.Problems.self) { try transport.verify() }
        #expect(problems?.description == "not requested: GET http://far.example/a")
    }

    @Test func scriptedFailureIsThrown() async throws {
        let failure = TransportError(.idleTimeout, "silent")
        let transport = ScriptedTransport([.init("GET", "http://far.example/a", answer: .failure(failure))])
        let error = await #expect(throws: TransportError.self) { try await transport.send(OutboundRequest(url: url)) }
        #expect(error?.code == .idleTimeout)
        try transport.verify()
    }
}
