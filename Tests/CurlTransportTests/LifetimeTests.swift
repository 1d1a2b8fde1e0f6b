import CLibcurl
import HTTPTransport
import Logging
import Synchronization
import Testing

@testable import CurlTransport

/// How a transport ends, and what of it survives a failure of libcurl.
@Suite struct LifetimeTests {
    @Test func shutDownFailsWhatIsInFlight() async throws {
        try await withServer { connection in
            guard let request = connection.readRequest() else { return }
            if request.line.contains("/body") { try connection.send("HTTP/1.1 200 OK\r\n\r\nx") }
            connection.waitForEnd()
        } run: { server in
            let transport = CurlTransport(configuration: .init(connectionsPerHost: 2), logger: Logger(label: "test"))
            let url = try server.url()
            let body = Task { try await transport.text(url.appending(path: "body")) }
            let head = Task { try await transport.text(url) }
            try await eventually("both are in flight") { server.requests.count == 2 }
            let waiting = Task { try await transport.text(url) }
            try await eventually("the third waits") { transport.engine.loop.gate.counts.waiting == 1 }
            let time = await elapsed {
                // Twice at a time, and once more afterwards.
                async let first: Void = transport.shutDown()
                async let second: Void = transport.shutDown()
                _ = await (first, second)
                await transport.shutDown()
            }
            #expect(time < soon)
            for task in [body, head, waiting] { try await expectError(.shutDown) { _ = try await task.value } }
            try await expectError(.shutDown) { _ = try await transport.text(url) }
            #expect(transport.isQuiet)
            try await eventually("the server sees the end") { server.openConnections == 0 }
        }
    }

    /// The order in which a cancellation and the start of its exchange reach the thread is not known.
    @Test func exchangeThatIsOverBeforeItsStartIsNotSent() async throws {
        try await withServer { connection in
            while connection.readRequest() != nil { try connection.answer() }
        } run: { server in
            try await withTransport { transport in
                let loop = transport.engine.loop
                let url = try server.url("/over")
                try loop.startIfNeeded()
                let permit = try await loop.gate.enter(.init(url))
                let exchange = Exchange(OutboundRequest(url: url), on: loop)
                exchange.finish(.shutDown(exchange.summary))
                loop.send(.cancel(exchange))
                loop.send(.start(exchange, permit))
                try await eventually("the permit is given back") { loop.gate.counts.active == 0 }
                let text = try await transport.text(try server.url("/next"))
                #expect(text == "ok")
            }
            #expect(server.requests.map(\.line) == ["GET /next HTTP/1.1"])
        }
    }

    @Test func transportThatWasNeverUsedShutsDown() async throws {
        let transport = CurlTransport(logger: Logger(label: "test"))
        await transport.shutDown()
        try await expectError(.shutDown) { _ = try await transport.get(try HTTPURL("http://127.0.0.1:1/")) }
    }

    @Test func droppedTransportEndsAfterItsLastBody() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
            connection.wait(100)
            try connection.send([UInt8](repeating: 0x61, count: 200_000))
            connection.waitForEnd()
        } run: { server in
            weak var loop: CurlLoop?
            do {
                var transport: CurlTransport? = CurlTransport(logger: Logger(label: "test"))
                loop = transport?.engine.loop
                let response = try await transport?.get(try server.url())
                transport = nil
                #expect(try await response?.body.collect(upTo: 200_000).count == 200_000)
            }
            try await eventually("the thread is gone") { loop == nil }
            try await eventually("its connections are closed") { server.openConnections == 0 }
        }
    }

    @Test func failureOfLibcurlFailsWhatIsInFlightAndNothingElse() async throws {
        try await withServer { connection in
            while let request = connection.readRequest() {
                if request.line.contains("/hang") { connection.waitForEnd() } else { try connection.answer() }
            }
        } run: { server in
            let breaks = Mutex(false)
            let transport = CurlTransport(
                settings: .init(
                    perform: { multi in
                        let isBroken = breaks.withLock { breaks in
                            defer { breaks = false }
                            return breaks
                        }
                        return isBroken ? CURLM_INTERNAL_ERROR : multi.perform()
                    }))
            let url = try server.url()
            let hanging = Task { try await transport.text(url.appending(path: "hang")) }
            try await eventually("it is in flight") { !server.requests.isEmpty }
            breaks.withLock { $0 = true }
            try await expectError(.connectionLost) { _ = try await hanging.value }
            // The thread is woken as before; otherwise it would look up once a second.
            #expect(try await fastest(of: 10) { _ = try await transport.text(url) } < .milliseconds(500))
            #expect(transport.engine.loop.rebuildCount.load(ordering: .relaxed) == 1)
            await transport.shutDown()
        }
    }
}
