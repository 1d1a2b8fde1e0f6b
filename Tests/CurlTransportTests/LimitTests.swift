import HTTPTransport
import Synchronization
import Testing

@testable import CurlTransport

/// Deadlines, cancellation and dropped bodies: how an exchange ends before its time.
@Suite struct LimitTests {
    private static let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    // MARK: Silence

    @Test func silentServerIsLeftAfterTheIdleLimit() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                let time = try await elapsed {
                    let error = try await expectError(.idleTimeout) {
                        _ = try await transport.get(
                            try server.url("/a?token=x"), ExchangeLimits(idle: .milliseconds(100)))
                    }
                    #expect(error.description.hasPrefix("GET http://127.0.0.1:\(server.port)/a: the server was silent"))
                    #expect(error.isTransient)
                }
                #expect(time >= .milliseconds(100) && time < soon)
                try await eventually("the server sees the end") { server.openConnections == 0 }
            }
        }
    }

    @Test func dripBelowTheIdleLimitIsNoSilence() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send(Self.head)
            for _ in 0..<12 {
                connection.wait(500)
                try connection.send("1\r\nx\r\n")
            }
            try connection.send("0\r\n\r\n")
        } run: { server in
            try await withTransport { transport in
                let text = try await transport.text(try server.url(), ExchangeLimits(idle: .seconds(5)))
                #expect(text == String(repeating: "x", count: 12))
            }
        }
    }

    @Test func silenceWithinTheBodyIsAnErrorAfterWhatCame() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send(Self.head + "1\r\nx\r\n")
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url(), ExchangeLimits(idle: .seconds(5)))
                var iterator = response.body.makeAsyncIterator()
                #expect(try await iterator.next() == [0x78])
                try await expectError(.idleTimeout) { _ = try await iterator.next() }
            }
        }
    }

    @Test func silenceIsNotCountedWhileTheReaderIsBehind() async throws {
        let count = 8 << 20
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
            try connection.send([UInt8](repeating: 0x61, count: count))
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url(), ExchangeLimits(idle: .seconds(5)))
                try await Task.sleep(for: .seconds(6))
                #expect(try await response.body.collect(upTo: count).count == count)
            }
        }
    }

    // MARK: Total

    @Test func answerHasToBeCompleteWithinTheTotal() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send(Self.head)
            while true {
                try connection.send("1\r\nx\r\n")
                connection.wait(10)
            }
        } run: { server in
            try await withTransport { transport in
                let time = try await elapsed {
                    try await expectError(.totalTimeout) {
                        _ = try await transport.text(try server.url(), ExchangeLimits(total: .milliseconds(200)))
                    }
                }
                #expect(time >= .milliseconds(200) && time < soon)
            }
        }
    }

    @Test func totalCountsBeforeTheHead() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                try await expectError(.totalTimeout) {
                    _ = try await transport.get(try server.url(), ExchangeLimits(total: .milliseconds(100)))
                }
            }
        }
    }

    @Test func totalCountsWhileTheReaderIsBehind() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while true { try connection.send([UInt8](repeating: 0x61, count: 1 << 16)) }
        } run: { server in
            try await withTransport { transport in
                let limits = ExchangeLimits(total: .seconds(5), bodyBytes: .max)
                let response = try await transport.get(try server.url(), limits)
                try await eventually("the transfer ends although nobody reads") { transport.transfers == 0 }
                try await expectError(.totalTimeout) { for try await _ in response.body {} }
            }
        }
    }

    @Test func streamsMayHaveNoTotal() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send(Self.head)
            connection.wait(300)
            try connection.send("1\r\nx\r\n0\r\n\r\n")
        } run: { server in
            try await withTransport { transport in
                let text = try await transport.text(try server.url(), ExchangeLimits(total: nil))
                #expect(text == "x")
            }
        }
    }

    // MARK: Connecting

    @Test func refusedConnectionIsAnError() async throws {
        try await withUnansweredPort { port in
            try await withTransport { transport in
                let error = try await expectError(.connect) {
                    _ = try await transport.get(try HTTPURL("http://127.0.0.1:\(port)/"))
                }
                #expect(error.description.contains("no connection could be made"))
            }
        }
    }

    @Test func connectionThatIsNotMadeInTimeIsAnError() async throws {
        // A TLS handshake that the server never answers.
        try await withServer {
            $0.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                let url = try HTTPURL("https://127.0.0.1:\(server.port)/")
                let time = try await elapsed {
                    try await expectError(.connect) {
                        // Silence only begins to count once there is a connection.
                        let limits = ExchangeLimits(connect: .milliseconds(200), idle: .milliseconds(50))
                        _ = try await transport.get(url, limits)
                    }
                }
                #expect(time >= .milliseconds(200) && time < soon)
                try await eventually("the server sees the end") { server.openConnections == 0 }
            }
        }
    }

    // MARK: Cancellation

    @Test(arguments: [true, false])
    func cancellingFreesTheConnectionAtOnce(_ isInBody: Bool) async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            if isInBody { try connection.send(Self.head) }
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                let task = Task { try await transport.text(try server.url()) }
                try await eventually("the request is there") { !server.requests.isEmpty }
                if isInBody { try await Task.sleep(for: .milliseconds(50)) }
                let time = try await elapsed {
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    try await eventually("the server sees the end") { server.openConnections == 0 }
                }
                #expect(time < soon)
            }
        }
    }

    @Test func bodyDroppedUnreadEndsTheExchange() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send(Self.head + "1\r\nx\r\n")
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                _ = try await transport.get(try server.url())
                try await eventually("the server sees the end") { server.openConnections == 0 }
            }
        }
    }

    @Test func iteratorDroppedHalfWayEndsTheExchange() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while true { try connection.send([UInt8](repeating: 0x61, count: 1 << 16)) }
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url(), ExchangeLimits(bodyBytes: .max))
                for try await _ in response.body { break }
                try await eventually("the server still has it, as the body may be asked again") {
                    transport.transfers == 1
                }
                _ = consume response
                try await eventually("the server sees the end") { server.openConnections == 0 }
            }
        }
    }

    @Test func bodyIsReadByOneTaskAtATime() async throws {
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            try connection.send(Self.head)
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                let body = try await transport.get(try server.url()).body
                let outcomes = await withTaskGroup(of: Result<[UInt8]?, any Error>.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            var iterator = body.makeAsyncIterator()
                            do { return .success(try await iterator.next()) } catch { return .failure(error) }
                        }
                    }
                    let first = await group.next()
                    group.cancelAll()
                    let second = await group.next()
                    return (first, second)
                }
                #expect(throws: TransportError.self) { try outcomes.0?.get() }
                #expect(throws: CancellationError.self) { try outcomes.1?.get() }
            }
        }
    }

    @Test func smallBodyDroppedUnreadKeepsItsConnection() async throws {
        let sentBodies = Atomic<Int>(0)
        try await withServer { connection in
            for number in 1... where connection.readRequest() != nil {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                connection.wait(until: { sentBodies.load(ordering: .relaxed) >= number })
                try connection.send("ok")
            }
        } run: { server in
            try await withTransport(settings: .init(longestDrain: .seconds(60))) { transport in
                for _ in 0..<3 {
                    _ = try await transport.get(try server.url())
                    try await Task.sleep(for: .milliseconds(50))
                    sentBodies.add(1, ordering: .relaxed)
                    try await eventually("the rest is read") { transport.isQuiet }
                }
                #expect(server.acceptedConnections == 1)
            }
        }
    }

    @Test func drainingHasItsOwnDeadline() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                let time = try await elapsed {
                    _ = try await transport.get(try server.url())
                    try await eventually("the server sees the end") { server.openConnections == 0 }
                }
                #expect(time < soon)
            }
        }
    }
}
