import HTTPTransport
import Logging
import Synchronization
import Testing

@testable import CurlTransport

/// Name servers that do not answer must not hold up the thread that all transfers share.
@Suite struct NameLookupTests {
    private let url: HTTPURL

    init() throws { url = try HTTPURL("http://name\(UInt32.random(in: 0...(.max))).stalled.test/") }

    private func begin(_ transport: CurlTransport, _ limits: ExchangeLimits = patient) async throws -> Task<
        String, any Error
    > {
        let before = stalledLookups.load(ordering: .relaxed)
        let task = Task { try await transport.text(url, limits) }
        try await eventually("the look-up has begun") { stalledLookups.load(ordering: .relaxed) > before }
        return task
    }

    @Test func cancellingDoesNotWaitForTheLookup() async throws {
        try await withServer { connection in
            while connection.readRequest() != nil { try connection.answer() }
        } run: { server in
            try await withTransport { transport in
                let task = try await begin(transport)
                let time = try await elapsed {
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    try await eventually("the transfer is gone") { transport.transfers == 0 }
                    #expect(try await transport.text(try server.url()) == "ok")
                }
                #expect(time < soon)
            }
        }
    }

    @Test func connectLimitCountsTheLookup() async throws {
        try await withServer { connection in
            while connection.readRequest() != nil { try connection.answer() }
        } run: { server in
            try await withTransport { transport in
                let time = try await elapsed {
                    let task = try await begin(transport, ExchangeLimits(connect: .milliseconds(200)))
                    #expect(try await transport.text(try server.url()) == "ok")
                    let error = try await expectError(.connect) { _ = try await task.value }
                    #expect(error.description.contains("no connection within 0.2 seconds"))
                    #expect(try await transport.text(try server.url()) == "ok")
                }
                #expect(time >= .milliseconds(200) && time < soon)
            }
        }
    }

    @Test func totalLimitCountsTheLookup() async throws {
        try await withTransport { transport in
            let time = try await elapsed {
                let task = try await begin(transport, ExchangeLimits(total: .milliseconds(200)))
                try await expectError(.totalTimeout) { _ = try await task.value }
            }
            #expect(time < soon)
        }
    }

    @Test func shutDownDoesNotWaitForTheLookup() async throws {
        let transport = CurlTransport(logger: Logger(label: "test"))
        let task = try await begin(transport)
        #expect(await elapsed { await transport.shutDown() } < soon)
        try await expectError(.shutDown) { _ = try await task.value }
    }

    @Test func unknownNameIsAnErrorThatSaysSo() async throws {
        try await withTransport { transport in
            let error = try await expectError(.nameResolution) {
                _ = try await transport.get(try HTTPURL("http://no-such-name.invalid/"))
            }
            #expect(error.description.contains("no-such-name.invalid"))
        }
    }
}
