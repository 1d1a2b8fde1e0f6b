import HTTPTransport
import HTTPTypes
import Testing

@testable import CurlTransport

/// What servers send, well-formed and not, byte by byte.
@Suite struct AnswerTests {
    struct Wire: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: String
        /// The body, or how the exchange fails.
        let outcome: Outcome

        enum Outcome: Sendable {
            case body(String)
            case failure(TransportError.Code)
        }

        init(_ description: String, _ bytes: String, _ outcome: Outcome) {
            testDescription = description
            self.bytes = bytes
            self.outcome = outcome
        }
    }

    static let wires = [
        Wire("a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .body("hello")),
        Wire("no length, ended by the close", "HTTP/1.1 200 OK\r\n\r\nhello", .body("hello")),
        Wire("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", .body("hello")),
        Wire("no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", .body("ok")),
        Wire(
            "chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
            .body("hello")),
        Wire(
            "trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
            .body("hello")),
        Wire(
            "interim answers before the final one",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .body("ok")),
        Wire("a folded field", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok", .body("ok")),
        Wire("a truncated body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", .failure(.connectionLost)),
        Wire(
            "truncated chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            .failure(.connectionLost)),
        Wire(
            "a chunk size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
            .failure(.malformedResponse)),
        Wire("nothing", "", .failure(.connectionLost)),
        Wire("half a head", "HTTP/1.1 200 OK\r\nContent-Le", .failure(.connectionLost)),
        Wire("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", .failure(.malformedResponse)),
        Wire("a field without a colon", "HTTP/1.1 200 OK\r\nwhat is this\r\n\r\n", .failure(.malformedResponse)),
        Wire("a NUL in a field", "HTTP/1.1 200 OK\r\nX-A: b\0c\r\n\r\n", .failure(.malformedResponse)),
        Wire(
            "a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello", .failure(.malformedResponse)),
        Wire("an upgrade nobody asked for", "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\nraw", .failure(.malformedResponse)),
        Wire(
            "an encoding that is not what it says",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", .failure(.malformedResponse)),
    ]

    @Test(arguments: wires)
    func answerIsReadAsSent(_ wire: Wire) async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send(wire.bytes)
        } run: { server in
            try await withTransport { transport in
                let request = OutboundRequest(url: try server.url(), headerFields: [.acceptEncoding: "gzip"])
                switch wire.outcome {
                case .body(let body): #expect(try await transport.send(request).text() == body)
                case .failure(let code):
                    let error = try await expectError(code) { _ = try await transport.send(request).text() }
                    #expect(error.description.hasPrefix("GET http://127.0.0.1:\(server.port)/: "))
                }
            }
        }
    }

    @Test func onlyTheFieldsOfTheFinalHeadAreShown() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
            try connection.send("HTTP/1.1 200 OK\r\nX-Final: a\r\n b\r\nTransfer-Encoding: chunked\r\n\r\n")
            try connection.send("2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n")
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url())
                #expect(try await response.text() == "ok")
                #expect(response.headerFields.map(\.name.canonicalName) == ["x-final", "transfer-encoding"])
                #expect(response.headerFields.first?.value == "a b")
            }
        }
    }

    @Test func headArrivesBeforeTheFirstByteOfTheBody() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            _ = connection.readRequest()
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url())
                #expect(response.status.code == 200)
            }
        }
    }

    @Test func bytesBeforeABreakAreDelivered() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        } run: { server in
            try await withTransport { transport in
                var iterator = try await transport.get(try server.url()).body.makeAsyncIterator()
                #expect(try await iterator.next() == Array("hello".utf8))
                let error = try await expectError(.connectionLost) { _ = try await iterator.next() }
                #expect(error.description.contains("after 5 bytes of the body"))
            }
        }
    }

    @Test(arguments: [true, false])
    func resetIsAnError(_ isInBody: Bool) async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            if isInBody { try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello") }
            connection.wait(20)
            connection.resetOnClose()
        } run: { server in
            try await withTransport { transport in
                try await expectError(.connectionLost) { _ = try await transport.text(try server.url()) }
            }
        }
    }

    @Test func resetWhileSendingABodyIsAnErrorAndNoSignal() async throws {
        try await withServer { connection in
            connection.waitForFirstByte()
            connection.resetOnClose()
        } run: { server in
            try await withTransport { transport in
                let body = [UInt8](repeating: 0x61, count: 8 << 20)
                let request = OutboundRequest(method: .put, url: try server.url(), body: body)
                try await expectError(.connectionLost) { _ = try await transport.send(request) }
            }
        }
    }

    // MARK: Size

    enum TooMuch: CaseIterable {
        case manyFields
        case longField
        case fieldWithoutEnd

        var fields: String {
            switch self {
            case .manyFields: String(repeating: "X-Field: 0123456789\r\n", count: 100)
            case .longField: "X-Long: \(String(repeating: "x", count: 1500))\r\n"
            case .fieldWithoutEnd: "X-Long: " + String(repeating: "x", count: 200_000)
            }
        }
    }

    @Test(arguments: TooMuch.allCases)
    func headerOverTheLimitIsAnError(_ header: TooMuch) async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\(header.fields)Content-Length: 0\r\n\r\n")
            connection.waitForEnd()
        } run: { server in
            try await withTransport { transport in
                try await expectError(.headerTooLarge) {
                    _ = try await transport.get(try server.url(), ExchangeLimits(headerBytes: 1000))
                }
            }
        }
    }

    @Test(arguments: [100, 103])
    func interimAnswersWithoutEndAreAnError(_ status: Int) async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            while true { try connection.send("HTTP/1.1 \(status) X\r\nX-Y: z\r\n\r\n") }
        } run: { server in
            try await withTransport { transport in
                try await expectError(.headerTooLarge) { _ = try await transport.get(try server.url()) }
            }
        }
    }

    @Test func bodyWithoutEndIsCutAtTheLimit() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\n\r\n")
            let chunk = [UInt8](repeating: 0x61, count: 10_000)
            while true { try connection.send(chunk) }
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url(), ExchangeLimits(bodyBytes: 1_000_000))
                var received = 0
                try await expectError(.bodyTooLarge) {
                    for try await chunk in response.body { received += chunk.count }
                }
                #expect(received <= 1_000_000)
                try await eventually("the server sees the end") { server.openConnections == 0 }
            }
        }
    }

    @Test func limitCountsDecompressedBytes() async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
            try connection.send(Gzip.head)
            while true { try connection.send(Gzip.zeros) }
        } run: { server in
            try await withTransport { transport in
                let request = OutboundRequest(
                    url: try server.url(), headerFields: [.acceptEncoding: "gzip"],
                    limits: ExchangeLimits(bodyBytes: 1 << 20))
                let response = try await transport.send(request)
                var received = 0
                try await expectError(.bodyTooLarge) {
                    for try await chunk in response.body { received += chunk.count }
                }
                #expect(received > 1 << 19 && received <= 1 << 20)
            }
        }
    }

    @Test(arguments: [true, false])
    func encodingIsUndoneOnlyWhenItWasAskedFor(_ asks: Bool) async throws {
        try await withServer { connection in
            while let request = connection.readRequest() {
                #expect(request["Accept-Encoding"] == (asks ? "gzip" : nil))
                try connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(Gzip.hello.count)\r\n\r\n")
                try connection.send(Gzip.hello)
            }
        } run: { server in
            try await withTransport { transport in
                var request = OutboundRequest(url: try server.url())
                if asks { request.headerFields[.acceptEncoding] = "gzip" }
                let response = try await transport.send(request)
                #expect(try await response.body.collect(upTo: 100) == (asks ? Array("hello".utf8) : Gzip.hello))
                #expect(response.headerFields[.contentEncoding] == (asks ? nil : "gzip"))
                #expect(response.headerFields[.contentLength] == (asks ? nil : "\(Gzip.hello.count)"))
            }
        }
    }
}

/// A little of RFC 1951 and RFC 1952.
private enum Gzip {
    /// What begins a stream: the file header and the head of one endless block with fixed codes, then one literal zero.
    ///
    /// Three bits of block head and eight of the literal, filled up with one match as in ``zeros``: 24 bits.
    static let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF] + packed("010" + "00110000" + match)

    /// 2064 zeros in 13 bytes, to be repeated: eight times "258 bytes from one byte back".
    static let zeros: [UInt8] = Array(
        repeatElement(packed(String(repeating: match, count: 8)), count: 64).joined())

    private static let match = "11000101" + "00000"

    /// Bits in the order in which they are sent: the lowest of a byte first.
    private static func packed(_ bits: String) -> [UInt8] {
        let bits = Array(bits.utf8)
        return stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<start + 8].reversed().reduce(0) { $0 << 1 | ($1 & 1) }
        }
    }

    /// `hello` in one stored block.
    static let hello: [UInt8] =
        [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF, 0x01, 5, 0, 0xFA, 0xFF] + Array("hello".utf8)
        + [0x86, 0xA6, 0x10, 0x36, 5, 0, 0, 0]
}
