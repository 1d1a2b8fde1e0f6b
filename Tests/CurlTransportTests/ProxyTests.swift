import Glibc
import HTTPTransport
import HTTPTypes
import Testing

@testable import CurlTransport

/// The proxy variables of the environment, each test in a process of its own.
@Suite struct ProxyTests {
    @Test func httpGoesThroughTheProxyUnlessExempt() async throws {
        await #expect(processExitsWith: .success) {
            try await withServer { connection in
                while connection.readRequest() != nil { try connection.answer(200, "from the proxy") }
            } run: { proxy in
                try await withServer { connection in
                    while connection.readRequest() != nil { try connection.answer(200, "direct") }
                } run: { server in
                    setenv("http_proxy", try proxy.url("").description, 1)
                    setenv("NO_PROXY", "127.0.0.1,exempt.example", 1)
                    try await withTransport { transport in
                        let far = try await transport.text(try HTTPURL("http://far.example/a?b"))
                        #expect(far == "from the proxy")
                        let near = try await transport.text(try server.url())
                        #expect(near == "direct")
                    }
                    #expect(proxy.requests.map(\.line) == ["GET http://far.example/a?b HTTP/1.1"])
                    #expect(server.requests.map(\.line) == ["GET / HTTP/1.1"])
                }
            }
        }
    }

    @Test func whereOnlyEncryptedRequestsMayUseAProxyItSeesNoOther() async throws {
        await #expect(processExitsWith: .success) {
            try await withServer { connection in
                while connection.readRequest() != nil { try connection.answer(403, "from the proxy") }
            } run: { proxy in
                try await withServer { connection in
                    while connection.readRequest() != nil { try connection.answer(200, "direct") }
                } run: { server in
                    for name in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"] {
                        setenv(name, try proxy.url("").description, 1)
                    }
                    try await withTransport(CurlTransport.Configuration(proxies: .encryptedRequests)) { transport in
                        #expect(try await transport.text(try server.url()) == "direct")
                        let error = try await expectError(.connect) {
                            _ = try await transport.get(try HTTPURL("https://far.example/"))
                        }
                        #expect(error.description.contains("the proxy answered 403"))
                    }
                    #expect(proxy.requests.map(\.line) == ["CONNECT far.example:443 HTTP/1.1"])
                    #expect(server.requests.map(\.line) == ["GET / HTTP/1.1"])
                }
            }
        }
    }

    @Test func httpsGoesThroughATunnelWhoseOwnAnswerIsNotShown() async throws {
        await #expect(processExitsWith: .success) {
            let server = try await TLSServer.start("server")
            let port = server.port
            try await withServer { connection in
                guard connection.readRequest() != nil else { return }
                try connection.send("HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
                try connection.relay(toPort: port)
            } run: { proxy in
                setenv("https_proxy", try proxy.url("").description, 1)
                let authority = try await Certificates.shared.value.bytes("ours.pem")
                try await withTransport { transport in
                    let response = try await transport.send(
                        OutboundRequest(
                            url: try HTTPURL("https://127.0.0.1:\(port)/"),
                            tls: TLSOptions(certificateAuthorities: authority)))
                    #expect(response.status.code == 200)
                    #expect(!response.headerFields.contains { $0.name.canonicalName == "x-proxy" })
                    #expect(try await response.text().contains("s_server"))
                }
                #expect(proxy.requests.map(\.line) == ["CONNECT 127.0.0.1:\(port) HTTP/1.1"])
            }
        }
    }

    @Test func proxyThatRefusesATunnelIsNamed() async throws {
        await #expect(processExitsWith: .success) {
            try await withServer { connection in
                _ = connection.readRequest()
                try connection.answer(403, "no")
            } run: { proxy in
                setenv("https_proxy", try proxy.url("").description, 1)
                try await withTransport { transport in
                    let error = try await expectError(.connect) {
                        _ = try await transport.get(try HTTPURL("https://far.example/"))
                    }
                    #expect(error.description.contains("the proxy answered 403"))
                }
            }
        }
    }
}

extension Connection {
    /// Carries bytes between this connection and a local port until one side ends.
    fileprivate func relay(toPort port: Int) throws {
        let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(far) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafeBytes(of: &address) { bytes in
            connect(far, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        guard result == 0 else { throw SocketError(call: "connect", code: errno) }
        var ends = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: far, events: Int16(POLLIN), revents: 0),
        ]
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while poll(&ends, 2, 10_000) > 0 {
            for (index, end) in ends.enumerated() where end.revents != 0 {
                let count = recv(end.fd, &chunk, chunk.count, 0)
                guard count > 0, Glibc.send(ends[1 - index].fd, chunk, count, Int32(MSG_NOSIGNAL)) == count else {
                    return
                }
            }
        }
    }
}
