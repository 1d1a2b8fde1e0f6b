import FoundationEssentials
import KubernetesClient
import Logging
import Synchronization

@testable import RegistryQueryAPI

/// A file of tokens that goes away with the test.
final class TokenFixture: Sendable {
    let store: TokenStore
    private let directory: Mutex<ScratchDirectory>

    init(_ text: String = TokenTests.good) throws {
        let directory = try ScratchDirectory()
        try directory.write(text)
        store = try TokenStore(
            path: "\(directory.path)/tokens", logger: Logger(label: "test") { _ in LogCollector() })
        self.directory = Mutex(directory)
    }

    var access: RegistryQueryAPI.Access { .tokens(store) }
}

/// Something in the form of a service account's token, different for each number.
func webToken(_ number: Int = 0) -> String {
    ["{\"alg\":\"RS256\"}", "{\"sub\":\"\(number)\"}", "signature-of-\(number)"].map { part in
        String(decoding: Data(part.utf8).base64EncodedData(), as: UTF8.self)
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }.joined(separator: ".")
}

/// Answers reviews as told, and remembers what it was asked.
final class Reviewer: Sendable {
    private struct State {
        var asked: [String] = []
        var audiences: Set<[String]> = []
        var answer: @Sendable (String) throws -> TokenReview
    }

    private let state: Mutex<State>
    /// Holds reviews up, if there is one.
    let gate: Gate?

    init(gate: Gate? = nil, answer: @escaping @Sendable (String) throws -> TokenReview) {
        self.gate = gate
        state = Mutex(State(answer: answer))
    }

    /// The tokens so far.
    var asked: [String] { state.withLock(\.asked) }
    /// The audiences so far.
    var audiences: Set<[String]> { state.withLock(\.audiences) }

    func set(_ answer: @escaping @Sendable (String) throws -> TokenReview) { state.withLock { $0.answer = answer } }

    func review(_ token: String, _ audiences: [String]) async throws -> TokenReview {
        let answer = state.withLock { state in
            state.asked.append(token)
            state.audiences.insert(audiences)
            return state.answer
        }
        await gate?.wait()
        return try answer(token)
    }

    /// The accounts that `text` says, reviewed here, however long that takes.
    func accounts(
        _ text: String = "automation/n8n:read,build automation/viewer:read", clock: StillClock = StillClock(),
        log: LogCollector = LogCollector()
    ) throws -> RegistryQueryAPI.ServiceAccounts {
        try RegistryQueryAPI.ServiceAccounts(
            text, within: .seconds(600), logger: Logger(label: "test") { _ in log }, clock: clock
        ) { try await self.review($0, $1) }
    }

    static let n8n = TokenReview(
        isAuthenticated: true, username: "system:serviceaccount:automation:n8n", audiences: ["registry-query"])
    static let nobody = TokenReview(isAuthenticated: false, error: "invalid bearer token")
}
