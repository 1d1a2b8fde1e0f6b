import Subprocess
import Testing

/// Python with openapi-spec-validator, which is installed from PyPI where it is missing.
enum Python {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Runs a script with a text on its standard input and answers what it prints.
    static func run(_ script: String, input: String) async throws -> String {
        let probe = try await python(["-c", "import openapi_spec_validator, yaml"], input: "")
        if !probe.isSuccess {
            let install = try await python(
                ["-m", "pip", "install", "--quiet", "openapi-spec-validator", "pyyaml"], input: "")
            guard install.isSuccess else { throw Failure(description: "pip: \(install.errors)") }
        }
        let result = try await python(["-c", script], input: input)
        guard result.isSuccess else { throw Failure(description: result.errors) }
        return result.output
    }

    private static func python(
        _ arguments: [String], input: String
    ) async throws -> (isSuccess: Bool, output: String, errors: String) {
        let result = try await Subprocess.run(
            .name("python3"), arguments: Arguments(arguments), input: .string(input), output: .string(limit: 4 << 20),
            error: .string(limit: 1 << 20))
        return (result.terminationStatus.isSuccess, result.standardOutput, result.standardError)
    }
}
