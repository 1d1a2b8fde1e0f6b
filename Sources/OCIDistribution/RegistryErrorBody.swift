internal import FoundationEssentials
internal import HTTPTransport

/// A registry's error body, `{"errors": [{"code", "message", "detail"}]}`.
///
/// Message and detail are optional, and the detail may be any JSON.
/// Spec: OCI distribution specification 1.1, "Error codes".
struct RegistryErrorBody: Decodable {
    struct Item: Decodable {
        var code: String
        var message: String?

        private enum Key: String, CodingKey { case code, message }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            code = try container.decode(String.self, forKey: .code)
            // A message of another type costs the message, not the code.
            message = try? container.decodeIfPresent(String.self, forKey: .message)
        }
    }

    var errors: [Item]

    /// Reads a body; `nil` when it is not a registry's error body with at least one error.
    init?(_ body: [UInt8]) {
        guard let read = try? JSONDecoder().decode(RegistryErrorBody.self, from: Data(body)), !read.errors.isEmpty
        else {
            return nil
        }
        self = read
    }

    /// Whether this code is all that the body says.
    ///
    /// A body that also says something else is not clear enough to act on.
    func saysOnly(_ code: RegistryError.Code) -> Bool { errors.allSatisfy { $0.code == code.rawValue } }

    /// The errors in one line, without secrets and bounded.
    var summary: String {
        let parts = errors.prefix(3).map { item in
            redacted(item.code, limit: 64) + (item.message.map { " (\(redacted($0, limit: 200)))" } ?? "")
        }
        return parts.joined(separator: ", ") + (errors.count > 3 ? ", and \(errors.count - 3) more" : "")
    }
}
