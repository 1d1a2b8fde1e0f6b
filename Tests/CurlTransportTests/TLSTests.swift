import HTTPTransport
import HTTPTypes
import Testing

@testable import CurlTransport

/// Whom a transport trusts, against `openssl s_server`.
@Suite struct TLSTests {
    private let certificates: Certificates

    init() async throws { certificates = try await Certificates.shared.value }

    private func attempt(_ server: TLSServer, _ tls: TLSOptions, _ system: SystemTrust? = nil) async throws {
        let url = try HTTPURL("https://127.0.0.1:\(server.port)/")
        let trust = system ?? Libcurl.systemTrust
        try await withTransport(settings: .init(systemTrust: { trust })) { transport in
            let response = try await transport.send(OutboundRequest(url: url, limits: patient, tls: tls))
            #expect(response.status.code == 200)
        }
    }

    private func expectRefusal(
        _ server: TLSServer, _ tls: TLSOptions, _ system: SystemTrust? = nil, says text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        do {
            try await attempt(server, tls, system)
            Issue.record("the server was trusted", sourceLocation: sourceLocation)
        } catch let error as TransportError {
            #expect(error.code == .tls, sourceLocation: sourceLocation)
            #expect(!error.isTransient, sourceLocation: sourceLocation)
            #expect(error.description.contains(text), "\(error)", sourceLocation: sourceLocation)
        }
    }

    @Test func unknownAuthorityIsRefusedAndAGivenOneAccepted() async throws {
        let server = try await TLSServer.start("server")
        let ours = try certificates.bytes("ours.pem")
        try await expectRefusal(server, .system, says: "certificate")
        try await expectRefusal(
            server, TLSOptions(certificateAuthorities: try certificates.bytes("theirs.pem")), says: "certificate")
        try await attempt(server, TLSOptions(certificateAuthorities: ours))
        try await attempt(server, TLSOptions(certificateAuthorities: ours, trustsSystem: false))
    }

    @Test func expiredCertificateIsRefused() async throws {
        let tls = TLSOptions(certificateAuthorities: try certificates.bytes("ours.pem"))
        try await expectRefusal(try await TLSServer.start("expired"), tls, says: "expired")
    }

    @Test func certificateForAnotherNameIsRefused() async throws {
        let tls = TLSOptions(certificateAuthorities: try certificates.bytes("ours.pem"))
        try await expectRefusal(try await TLSServer.start("elsewhere"), tls, says: "127.0.0.1")
    }

    /// The system's authorities as a file, as a hashed directory and as both; in all of them is the one that counts.
    private var systems: [SystemTrust] {
        let bundle = "\(certificates.folder)/ours.pem"
        let directory = "\(certificates.folder)/hashed"
        return [
            SystemTrust(bundle: bundle, directory: nil), SystemTrust(bundle: nil, directory: directory),
            SystemTrust(bundle: bundle, directory: directory),
        ]
    }

    @Test func systemCountsBesideTheGivenOnes() async throws {
        let server = try await TLSServer.start("server")
        let theirs = try certificates.bytes("theirs.pem")
        for system in systems {
            try await attempt(server, .system, system)
            try await attempt(server, TLSOptions(certificateAuthorities: theirs), system)
        }
    }

    @Test func systemDoesNotCountWhenOnlyTheGivenOnesDo() async throws {
        let server = try await TLSServer.start("server")
        let theirs = TLSOptions(certificateAuthorities: try certificates.bytes("theirs.pem"), trustsSystem: false)
        for system in systems {
            try await expectRefusal(server, theirs, system, says: "certificate")
            try await expectRefusal(server, TLSOptions(trustsSystem: false), system, says: "no certificate authority")
        }
    }

    @Test(arguments: [
        "", "  \n", "not PEM", "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nMIIB",
    ])
    func unreadableAuthorityIsAnErrorEvenIfTheServerIsTrustedAnyway(_ pem: String) async throws {
        let server = try await TLSServer.start("server")
        for system in systems {
            for authorities in [Array(pem.utf8), Array(pem.utf8) + [0x0A]] {
                let tls = TLSOptions(certificateAuthorities: authorities)
                try await expectRefusal(server, tls, system, says: "")
            }
        }
    }

    @Test func oneUnreadableAuthorityBesideAGoodOneIsAnError() async throws {
        let server = try await TLSServer.start("server")
        let broken = Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
        let ours = try certificates.bytes("ours.pem")
        try await expectRefusal(server, TLSOptions(certificateAuthorities: ours + broken), says: "")
        try await expectRefusal(server, TLSOptions(certificateAuthorities: broken + ours), says: "")
    }

    @Test func clientCertificateIsPresented() async throws {
        let server = try await TLSServer.start(
            "server", arguments: ["-Verify", "1", "-verify_return_error", "-CAfile", "ours.pem"])
        var tls = TLSOptions(certificateAuthorities: try certificates.bytes("ours.pem"), trustsSystem: false)
        await #expect(throws: TransportError.self) { try await attempt(server, tls) }
        let key = try certificates.bytes("client.key")
        tls.clientCertificate = .init(chain: try certificates.bytes("client.pem"), privateKey: key)
        try await attempt(server, tls)
        tls.clientCertificate = .init(chain: Array("not PEM".utf8), privateKey: key)
        try await expectRefusal(server, tls, says: "TLS handshake")
        tls.clientCertificate = .init(chain: try certificates.bytes("client.pem"), privateKey: [])
        try await expectRefusal(server, tls, says: "TLS handshake")
    }

    @Test func serverThatDoesNotSpeakTLSIsAnError() async throws {
        try await withServer {
            try $0.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        } run: { server in
            try await withTransport { transport in
                try await expectError(.tls) {
                    _ = try await transport.get(try HTTPURL("https://127.0.0.1:\(server.port)/"))
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func handshakeCutShortIsTransient(_ isReset: Bool) async throws {
        try await withServer { connection in
            connection.wait(20)
            if isReset { connection.resetOnClose() }
        } run: { server in
            try await withTransport { transport in
                try await expectError(.connect) {
                    _ = try await transport.get(try HTTPURL("https://127.0.0.1:\(server.port)/"))
                }
            }
        }
    }
}
