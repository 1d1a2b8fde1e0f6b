/// A certificate authority of a test's own, made with openssl.
public final class TestAuthority: Sendable {
    /// The PEM certificate to trust.
    public let certificate: [UInt8]
    /// The path of that certificate.
    public let certificatePath: String
    let directory: TemporaryDirectory

    /// Makes a key and a certificate that is valid for a day.
    public init() async throws {
        directory = try TemporaryDirectory()
        certificatePath = directory.path("ca.pem")
        try await command(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "1",
                "-subj", "/CN=registry-query test authority", "-keyout", directory.path("ca.key"), "-out",
                certificatePath,
            ])
        certificate = Array(try directory.read("ca.pem").utf8)
    }

    /// Makes a certificate for a server on 127.0.0.1; answers the paths of the chain and of the key.
    public func issue(_ name: String) async throws -> (chain: String, key: String) {
        let (request, key, chain) = (
            directory.path("\(name).csr"), directory.path("\(name).key"), directory.path("\(name).pem")
        )
        try await command(
            [
                "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                "/CN=\(name)",
                "-keyout", key, "-out", request,
            ])
        let names = try directory.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n", to: "\(name).ext")
        try await command(
            [
                "openssl", "x509", "-req", "-in", request, "-CA", certificatePath, "-CAkey", directory.path("ca.key"),
                "-CAcreateserial", "-days", "1", "-extfile", names, "-out", chain,
            ])
        return (chain, key)
    }
}
