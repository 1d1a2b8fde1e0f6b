internal import FoundationEssentials

/// A token server's answer.
///
/// Spec: Distribution, "Token Authentication Specification" and "OAuth2 Token Authentication".
struct BearerToken: Sendable {
    /// The token, fit for a header field.
    var value: String
    /// How long it is valid from its receipt on.
    var lifetime: Duration

    /// What the specification says a token lives without `expires_in`, and at least.
    static let shortestLifetime = 60.0
    /// Tokens that claim to live longer are asked for anew after a day.
    static let longestLifetime = 86_400.0

    private struct Answer: Decodable {
        var token: String?
        var accessToken: String?
        var expiresIn: Double?
        var issuedAt: String?

        private enum Key: String, CodingKey {
            case token
            case accessToken = "access_token"
            case expiresIn = "expires_in"
            case issuedAt = "issued_at"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            token = try container.decodeIfPresent(String.self, forKey: .token)
            accessToken = try container.decodeIfPresent(String.self, forKey: .accessToken)
            // These two only say how long to keep the token; in a form of their own they cost a default, not the token.
            expiresIn = try? container.decodeIfPresent(Double.self, forKey: .expiresIn)
            issuedAt = try? container.decodeIfPresent(String.self, forKey: .issuedAt)
        }
    }

    struct Malformed: Error {
        var reason: String
    }

    /// Reads an answer with `token` or `access_token`.
    /// - Parameter now: the moment of receipt, which also stands in for a missing `issued_at`.
    init(_ body: [UInt8], now: Date) throws(Malformed) {
        let answer: Answer
        do {
            answer = try JSONDecoder().decode(Answer.self, from: Data(body))
        } catch {
            throw Malformed(reason: "its answer is not the JSON of a token")
        }
        guard let value = [answer.token, answer.accessToken].compactMap(\.self).first(where: { !$0.isEmpty }) else {
            throw Malformed(reason: "its answer has neither token nor access_token")
        }
        guard value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Malformed(reason: "its token has characters that no token has")
        }
        self.value = value
        let granted = min(max(answer.expiresIn ?? Self.shortestLifetime, Self.shortestLifetime), Self.longestLifetime)
        // A clock that is ahead of ours makes an age below zero: receipt counts then.
        let age = answer.issuedAt.flatMap(Date.init(rfc3339:)).map { max(now.timeIntervalSince($0), 0) } ?? 0
        lifetime = .seconds(granted - age)
    }
}
