import HTTPTypes

/// The signature of a delivery, which is of the right form, but may be wrong.
///
/// Spec: GitHub, "Validating webhook deliveries": `X-Hub-Signature-256: sha256=` and the HMAC-SHA-256 of the body as it was
/// sent, in hexadecimal digits.
struct GitHubSignature: Sendable, Equatable {
    /// The 32 bytes of the code.
    let code: [UInt8]

    /// Reads the header; `nil` if it is missing, there twice or of another form.
    init?(_ headers: HTTPFields) {
        let sent = headers.values(named: "X-Hub-Signature-256")
        guard sent.count == 1, let text = sent.first, text.hasPrefix("sha256=") else { return nil }
        let digits = Array(text.utf8.dropFirst("sha256=".utf8.count))
        guard digits.count == 64 else { return nil }
        var code: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1]) else { return nil }
            code.append(high << 4 | low)
        }
        self.code = code
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
