import Subprocess

/// Runs a program to its end and answers what it printed.
@discardableResult
public func command(_ arguments: [String], input: String = "") async throws -> String {
    let result = try await run(
        .name(arguments[0]), arguments: Arguments(Array(arguments.dropFirst())), input: .string(input),
        output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else {
        throw TestingError("\(arguments[0]) ended with \(result.terminationStatus): \(result.standardError)")
    }
    return result.standardOutput
}
