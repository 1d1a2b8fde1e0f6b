import Glibc
import HTTPTransport
import HTTPTypes
import Synchronization
import Testing

@testable import CurlTransport

/// Addresses that must not be connected to, whatever name leads there.
@Suite struct AddressTests {
    private static let serve: @Sendable (Connection) throws -> Void = { connection in
        while let request = connection.readRequest() {
            try connection.answer()
            // Otherwise the connection is kept.
            if request.line.contains("/close") { return }
        }
    }

    /// Runs a test with a server on 127.0.0.1 and one on 127.0.0.2, which is refused, both on the same port.
    private func withServers(
        _ body: (_ allowed: LoopbackServer, _ refused: LoopbackServer, CurlTransport, Questions) async throws -> Void
    ) async throws {
        try await withServer(Self.serve) { allowed in
            let refused = try LoopbackServer(address: 0x7F00_0002, port: allowed.port, Self.serve)
            defer { refused.stop() }
            let questions = Questions()
            try await withTransport(.init(refusesAddress: questions.refuse)) { transport in
                try await body(allowed, refused, transport, questions)
            }
            #expect(refused.acceptedConnections == 0)
        }
    }

    @Test(arguments: [
        ["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.2", "127.0.0.1"],
        ["::ffff:127.0.0.2", "127.0.0.1"], ["::ffff:127.0.0.2", "::ffff:127.0.0.1", "127.0.0.2"],
    ])
    func theAllowedAddressesOfANameAreUsed(addresses: [String]) async throws {
        try await withServers { allowed, _, transport, _ in
            let url = try HTTPURL("http://\(name(answering: addresses)):\(allowed.port)/")
            #expect(try await transport.text(url) == "ok")
            #expect(allowed.acceptedConnections == 1)
        }
    }

    @Test(arguments: [["127.0.0.2"], ["127.0.0.2", "::ffff:127.0.0.2"], ["::ffff:127.0.0.2"]])
    func aNameWithRefusedAddressesOnlyIsRefused(addresses: [String]) async throws {
        try await withServers { allowed, _, transport, _ in
            let host = name(answering: addresses)
            for url in ["http://\(host):\(allowed.port)/p-secret?q=secret", "https://\(host):\(allowed.port)/p-secret"]
            {
                let error = try await expectError(.addressRefused) { _ = try await transport.get(try HTTPURL(url)) }
                #expect(error.description == "the address of \(host) is not allowed: 127.0.0.2")
                #expect(!error.isTransient)
            }
        }
    }

    @Test(arguments: ["127.0.0.2", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[0:0:0:0:0:ffff:7f00:0002]"])
    func anAddressInTheURLIsRefusedLikeOneOfAName(host: String) async throws {
        try await withServers { allowed, _, transport, _ in
            let url = try HTTPURL("http://\(host):\(allowed.port)/")
            try await expectError(.addressRefused) { _ = try await transport.get(url) }
        }
    }

    @Test func aNameServerThatChangesItsMindAfterACheckGetsNowhere() async throws {
        try await withServers { allowed, _, transport, _ in
            // The check that somebody makes before the request.
            let checked = name(answering: ["127.0.0.1"], ["127.0.0.2"])
            var list: UnsafeMutablePointer<addrinfo>?
            #expect(getaddrinfo(checked, nil, nil, &list) == 0)
            freeaddrinfo(list)
            let url = try HTTPURL("http://\(checked):\(allowed.port)/")
            try await expectError(.addressRefused) { _ = try await transport.get(url) }
            // The allowed answer first, and a refused one for the next connection.
            let url2 = try HTTPURL("http://\(name(answering: ["127.0.0.1"], ["127.0.0.2"])):\(allowed.port)/close")
            #expect(try await transport.text(url2) == "ok")
            let other = try HTTPURL("http://\(url2.host):\(allowed.port == 1024 ? 1025 : allowed.port - 1)/")
            try await expectError(.addressRefused) { _ = try await transport.get(other) }
        }
    }

    @Test func aKeptConnectionIsOneThatWasAllowed() async throws {
        try await withServers { allowed, _, transport, questions in
            let url = try HTTPURL("http://\(name(answering: ["127.0.0.1"])):\(allowed.port)/")
            for _ in 0..<3 { #expect(try await transport.text(url) == "ok") }
            #expect(allowed.acceptedConnections == 1)
            #expect(questions.asked == ["127.0.0.1"])
        }
    }

    @Test func connectionsOfOtherTransportsAreNoWayAround() async throws {
        try await withServers { allowed, _, transport, questions in
            let other = try LoopbackServer(address: 0x7F00_0002, Self.serve)
            defer { other.stop() }
            let url = try HTTPURL("http://127.0.0.2:\(other.port)/")
            try await withTransport { free in
                // Kept by the other transport, which asks nobody.
                #expect(try await free.text(url) == "ok")
                #expect(questions.asked.isEmpty)
                try await expectError(.addressRefused) { _ = try await transport.get(url) }
                #expect(try await free.text(url) == "ok")
            }
            #expect(questions.asked == ["127.0.0.2"])
            #expect(other.acceptedConnections == 1)
        }
    }

    @Test func aServerThatIsDownIsNoRefusedAddress() async throws {
        try await withUnansweredPort { port in
            let questions = Questions()
            try await withTransport(.init(refusesAddress: questions.refuse)) { transport in
                let host = name(answering: ["127.0.0.2", "127.0.0.1"])
                let error = try await expectError(.connect) {
                    _ = try await transport.get(try HTTPURL("http://\(host):\(port)/"))
                }
                #expect(error.isTransient)
            }
        }
    }

    @Test func noProxyIsUsed() async throws {
        await #expect(processExitsWith: .success) {
            try await withServer { connection in
                while connection.readRequest() != nil { try connection.answer(200, "from the proxy") }
            } run: { proxy in
                for variable in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"] {
                    setenv(variable, try proxy.url("").description, 1)
                }
                try await withServer { connection in
                    while connection.readRequest() != nil { try connection.answer(200, "direct") }
                } run: { server in
                    let questions = Questions()
                    try await withTransport(.init(refusesAddress: questions.refuse)) { transport in
                        #expect(try await transport.text(try server.url()) == "direct")
                        let refused = try HTTPURL("http://\(name(answering: ["127.0.0.2"])):\(server.port)/")
                        try await expectError(.addressRefused) { _ = try await transport.get(refused) }
                    }
                    #expect(questions.asked == ["127.0.0.1", "127.0.0.2"])
                }
                #expect(proxy.acceptedConnections == 0)
            }
        }
    }

    @Test func noSocketIsLeftOpen() async throws {
        // In a process of its own, so that no other test opens any.
        await #expect(processExitsWith: .success) {
            try await withServer(Self.serve) { server in
                let questions = Questions()
                let before = try openSockets()
                try await withTransport(.init(refusesAddress: questions.refuse)) { transport in
                    for _ in 0..<50 {
                        let mixed = name(answering: ["127.0.0.2", "127.0.0.1"])
                        let url = try HTTPURL("http://\(mixed):\(server.port)/close")
                        #expect(try await transport.text(url) == "ok")
                        let refused = try HTTPURL("http://\(name(answering: ["127.0.0.2"])):\(server.port)/")
                        try await expectError(.addressRefused) { _ = try await transport.get(refused) }
                    }
                }
                try await eventually("every socket is closed") { try openSockets() == before }
                #expect(questions.asked.count == 150)
            }
        }
    }
}

/// Refuses 127.0.0.2, and remembers what it was asked.
private final class Questions: Sendable {
    private let addresses = Mutex<[String]>([])

    var asked: [String] { addresses.withLock { $0 } }

    @Sendable func refuse(_ address: IPAddress) -> Bool {
        addresses.withLock { $0.append(address.description) }
        return address.bytes == [127, 0, 0, 2]
    }
}

/// The sockets that this process has open.
private func openSockets() throws -> Int {
    let directory = try #require(opendir("/proc/self/fd"))
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var status = stat()
        if fstatat(dirfd(directory), name, &status, 0) == 0, status.st_mode & S_IFMT == S_IFSOCK { count += 1 }
    }
    return count
}
