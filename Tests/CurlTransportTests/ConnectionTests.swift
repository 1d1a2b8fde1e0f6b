import HTTPTransport
import HTTPTypes
import Testing

@testable import CurlTransport

/// What is sent, and over how many connections.
@Suite struct ConnectionTests {
    private static let keepAlive: @Sendable (Connection) throws -> Void = { connection in
        while connection.readRequest() != nil { try connection.answer() }
    }

    // MARK: What is sent

    @Test func exactlyTheGivenFieldsAreSent() async throws {
        try await withServer(Self.keepAlive) { server in
            try await withTransport(.init(userAgent: "registry-query/1.2.3")) { transport in
                var fields: HTTPFields = [.accept: "a/b", .authorization: "Bearer x"]
                if let name = HTTPField.Name("X-Empty") { fields[name] = "" }
                let url = try server.url("/a/../b/%2e%2E?c=d&&e")
                _ = try await transport.send(OutboundRequest(url: url, headerFields: fields))
                let request = OutboundRequest(method: .post, url: url, body: Array("{}".utf8))
                _ = try await transport.send(request)
                _ = try await transport.send(OutboundRequest(method: .patch, url: url))
            }
            let sent = server.requests.map { request in
                request.fields.map { "\($0.name): \($0.value)" }.sorted()
            }
            let common = ["Host: 127.0.0.1:\(server.port)", "User-Agent: registry-query/1.2.3"]
            #expect(sent.count == 3)
            #expect(sent.first == (["Accept: a/b", "Authorization: Bearer x", "X-Empty: "] + common).sorted())
            #expect(sent.dropFirst().first == (["Content-Length: 2"] + common).sorted())
            #expect(sent.last == (["Content-Length: 0"] + common).sorted())
            #expect(server.requests.first?.line == "GET /a/../b/%2e%2E?c=d&&e HTTP/1.1")
            #expect(server.requests.map(\.body) == [[], Array("{}".utf8), []])
        }
    }

    @Test func largeBodyGoesWithoutAskingFirst() async throws {
        try await withServer(Self.keepAlive) { server in
            let body = [UInt8](repeating: 0, count: 3 << 20)
            try await withTransport { transport in
                _ = try await transport.send(OutboundRequest(method: .put, url: try server.url(), body: body))
            }
            #expect(server.requests.first?["Expect"] == nil)
            #expect(server.requests.first?.body == body)
        }
    }

    @Test func lineBreaksNeverReachTheWire() async throws {
        try await withServer(Self.keepAlive) { server in
            try await withTransport { transport in
                let name = try #require(HTTPField.Name("X-A"))
                var request = OutboundRequest(url: try server.url())
                request.headerFields.append(HTTPField(name: name, value: "b\r\nX-Injected: c"))
                request.headerFields.append(HTTPField(name: name, lenientValue: Array("b\r\nX-Injected: c\0".utf8)))
                // Either refused or made harmless, as HTTPTypes does it.
                do { _ = try await transport.send(request) } catch let error as TransportError {
                    #expect(error.code == .invalidRequest)
                }
            }
            #expect(server.requests.allSatisfy { $0["X-Injected"] == nil })
        }
    }

    // MARK: Connections

    @Test func connectionIsUsedAgain() async throws {
        try await withServer(Self.keepAlive) { server in
            try await withTransport { transport in
                let url = try server.url()
                // An idle thread looks up once a second, unless it is woken.
                #expect(try await fastest(of: 20) { _ = try await transport.text(url) } < .milliseconds(500))
                let head = try await transport.send(OutboundRequest(method: .put, url: try server.url()))
                #expect(try await head.text() == "ok")
            }
            #expect(server.acceptedConnections == 1)
        }
    }

    @Test func connectionClosedWhileIdleIsReplaced() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.answer()
        } run: { server in
            try await withTransport { transport in
                for _ in 0..<5 {
                    #expect(try await transport.text(try server.url()) == "ok")
                    try await eventually("the server has closed it") { server.openConnections == 0 }
                }
            }
            #expect(server.acceptedConnections == 5)
        }
    }

    @Test func connectionThatBreaksWhenUsedAgainIsReplacedForSafeMethodsOnly() async throws {
        // Every connection answers one request, reads another one and closes without a word.
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.answer()
            _ = connection.readRequest()
        } run: { server in
            try await withTransport { transport in
                #expect(try await transport.text(try server.url("/1")) == "ok")
                #expect(try await transport.text(try server.url("/2")) == "ok")
                #expect(server.requests.map(\.line).filter { $0.contains("/2") }.count == 2)
                let post = OutboundRequest(method: .post, url: try server.url("/3"), body: Array("{}".utf8))
                #expect(try await transport.send(post).text() == "ok")
                #expect(server.requests.map(\.line).filter { $0.contains("/3") }.count == 1)
            }
        }
    }

    @Test func manyRequestsShareTheConnectionsOfAHost() async throws {
        try await withServer { connection in
            while connection.readRequest() != nil {
                connection.wait(1)
                try connection.answer()
            }
        } run: { server in
            try await withTransport(.init(connectionsPerHost: 16)) { transport in
                let url = try server.url()
                let answers = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<500 { group.addTask { try await transport.text(url) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers == Array(repeating: "ok", count: 500))
                #expect(transport.engine.loop.gate.mostActive == 16)
            }
            #expect(server.requests.count == 500)
            #expect(server.mostOpenConnections <= 16)
        }
    }

    @Test func waitingForAConnectionDoesNotCountAgainstTheLimits() async throws {
        try await withServer { connection in
            while connection.readRequest() != nil {
                connection.wait(1200)
                try connection.answer()
            }
        } run: { server in
            try await withTransport(.init(connectionsPerHost: 1)) { transport in
                let url = try server.url()
                let limits = ExchangeLimits(connect: .seconds(7), idle: .seconds(7), total: .seconds(7))
                try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<7 { group.addTask { try await transport.text(url, limits) } }
                    for try await text in group { #expect(text == "ok") }
                }
            }
        }
    }

    @Test func cancelledWaiterLeavesTheQueue() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        } run: { server in
            try await withTransport(.init(connectionsPerHost: 1)) { transport in
                let url = try server.url()
                let first = Task { try await transport.text(url) }
                try await eventually("the first is sent") { !server.requests.isEmpty }
                let second = Task { try await transport.text(url) }
                try await eventually("the second waits") { transport.engine.loop.gate.counts.waiting == 1 }
                second.cancel()
                await #expect(throws: CancellationError.self) { try await second.value }
                #expect(transport.engine.loop.gate.counts.waiting == 0)
                first.cancel()
                await #expect(throws: CancellationError.self) { try await first.value }
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test func waitForAConnectionIsBounded() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        } run: { server in
            let configuration = CurlTransport.Configuration(
                connectionsPerHost: 1, waitingRequests: 1, longestWait: .seconds(6))
            try await withTransport(configuration) { transport in
                let url = try server.url()
                let first = Task { try await transport.text(url) }
                try await eventually("the first is sent") { !server.requests.isEmpty }
                let second = Task { try await transport.text(url) }
                try await eventually("the second waits") { transport.engine.loop.gate.counts.waiting == 1 }
                let tooMany = try await expectError(.connect) { _ = try await transport.text(url) }
                #expect(tooMany.description.contains("1 requests wait"))
                let tooLong = try await expectError(.connect) { _ = try await second.value }
                #expect(tooLong.description.contains("no connection became free"))
                first.cancel()
            }
        }
    }
}
