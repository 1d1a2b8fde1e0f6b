internal import Builds
internal import CLibcrypto
public import Logging

/// Why a file of webhook secrets cannot be used.
///
/// Nothing of the file is ever part of it.
public struct GitHubWebhookSecretsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence that names variable, file, line and fix.
    public let description: String

    init(path: String, line: Int? = nil, _ reason: String) {
        description = "GITHUB_WEBHOOK_SECRET_FILE \(path)\(line.map { ", line \($0)" } ?? ""): \(reason)"
    }
}

/// The secrets that GitHub signs its deliveries with, from a file that is read again when it has changed.
///
/// Each line is one, so that one can be replaced by another without a gap.
public final class GitHubWebhookSecrets: Sendable {
    /// The fewest characters of a secret.
    static let shortest = 16

    private let file: WatchedFile<[[UInt8]]>

    /// Reads the secrets.
    /// - Parameters:
    ///   - path: `GITHUB_WEBHOOK_SECRET_FILE`.
    ///   - clock: Measures how long ago the file was looked at.
    /// - Throws: ``GitHubWebhookSecretsError`` when the file cannot be read, or a line is too short.
    public init<Time: Clock>(
        path: String, logger: Logger, clock: Time = ContinuousClock()
    ) throws(GitHubWebhookSecretsError) where Time.Duration == Duration {
        do {
            file = try WatchedFile(path: path, name: "GITHUB_WEBHOOK_SECRET_FILE", clock: clock, logger: logger) {
                try Self.secrets(in: $0, path: path)
            }
        } catch {
            throw error as? GitHubWebhookSecretsError ?? GitHubWebhookSecretsError(path: path, "\(error)")
        }
    }

    private static func secrets(in bytes: [UInt8], path: String) throws(GitHubWebhookSecretsError) -> [[UInt8]] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw GitHubWebhookSecretsError(path: path, "the file is not UTF-8 text")
        }
        var secrets: [[UInt8]] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let secret = Array(line.trimmingBlanks.utf8)
            if secret.isEmpty { continue }
            guard secret.count >= shortest else {
                throw GitHubWebhookSecretsError(
                    path: path, line: index + 1,
                    "the secret must have at least \(shortest) characters; make one with: openssl rand -hex 32")
            }
            secrets.append(secret)
        }
        guard !secrets.isEmpty else {
            throw GitHubWebhookSecretsError(
                path: path, "there is no secret in it; write the webhook's secret, such as openssl rand -hex 32 makes")
        }
        return secrets
    }

    /// Whether one of the secrets made the signature of these bytes.
    ///
    /// The time that takes depends on the number of secrets and bytes only.
    func verify(_ signature: GitHubSignature, of bytes: [UInt8]) -> Bool {
        var isRight = false
        for secret in file.current {
            var code = [UInt8](repeating: 0, count: 32)
            guard rq_hmac_sha256(secret, secret.count, bytes, bytes.count, &code) == 1 else { continue }
            if rq_equal_in_constant_time(code, signature.code, code.count) == 1 { isRight = true }
        }
        return isRight
    }
}
