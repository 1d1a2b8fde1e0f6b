internal import CLibcrypto

/// A content digest, `sha256:` or `sha512:` and the hexadecimal digits.
///
/// Spec: OCI image specification 1.1, "Descriptors", section "Digests".
public struct Digest: TextValue {
    /// The algorithms that are verified.
    public enum Algorithm: String, Sendable, Hashable {
        /// SHA-256, which all registries use.
        case sha256
        /// SHA-512, which the specification allows.
        case sha512

        var hexCount: Int { self == .sha256 ? 64 : 128 }
    }

    /// How the digest was computed.
    public let algorithm: Algorithm
    /// The digest in lower-case hexadecimal digits, without the algorithm.
    public let hex: String

    /// Reads `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits.
    /// - Throws: ``InvalidValue`` that says what is wrong.
    public init(_ text: String) throws(InvalidValue) {
        guard let colon = text.firstIndex(of: ":"), let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
            throw InvalidValue("digest", text, "it must begin with sha256: or sha512:")
        }
        let hex = text[text.index(after: colon)...]
        guard hex.utf8.count == algorithm.hexCount,
            hex.utf8.allSatisfy({ $0.isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) })
        else {
            throw InvalidValue(
                "digest", text, "\(algorithm.rawValue) has \(algorithm.hexCount) lower-case hexadecimal digits")
        }
        self.algorithm = algorithm
        self.hex = String(hex)
    }

    private init(algorithm: Algorithm, hashing bytes: some Collection<UInt8>) {
        var output = [UInt8](repeating: 0, count: algorithm.hexCount / 2)
        func hash(_ buffer: UnsafeBufferPointer<UInt8>) -> Bool {
            switch algorithm {
            case .sha256: rq_sha256(buffer.baseAddress, buffer.count, &output) == 1
            case .sha512: rq_sha512(buffer.baseAddress, buffer.count, &output) == 1
            }
        }
        let done = bytes.withContiguousStorageIfAvailable(hash) ?? Array(bytes).withUnsafeBufferPointer(hash)
        // The one way this can fail is an OpenSSL without the algorithm, which could not make a TLS connection either.
        precondition(done, "OpenSSL cannot compute \(algorithm.rawValue)")
        self.algorithm = algorithm
        hex = output.reduce(into: "") { text, byte in
            text.unicodeScalars.append(hexDigits[Int(byte >> 4)])
            text.unicodeScalars.append(hexDigits[Int(byte & 15)])
        }
    }

    /// The SHA-256 digest of some bytes.
    public static func sha256(of bytes: some Collection<UInt8>) -> Digest { Digest(algorithm: .sha256, hashing: bytes) }

    /// The digest of some bytes by the algorithm of choice.
    public static func of(_ bytes: some Collection<UInt8>, by algorithm: Algorithm) -> Digest {
        Digest(algorithm: algorithm, hashing: bytes)
    }

    /// Whether this is the digest of these bytes.
    public func matches(_ bytes: some Collection<UInt8>) -> Bool { Digest.of(bytes, by: algorithm) == self }

    /// `algorithm:hex`.
    public var description: String { "\(algorithm.rawValue):\(hex)" }
}

private let hexDigits = Array("0123456789abcdef".unicodeScalars)
