import ArgumentParser
import CurlTransport
import FoundationEssentials

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("How to print the result: text or json.", valueName: "format"))
    var output: OutputFormat = .text

    @OptionGroup(title: "Settings") var settings: SettingsOptions

    /// Makes everything that the settings lead to, lets `body` use it, and takes it down again.
    ///
    /// A command logs warnings and errors only, unless somebody asks for more: its result is what a person wants to see.
    func withComposition<Value>(
        logging level: String = "warning", _ body: (Composition) async throws -> Value
    ) async throws -> Value {
        var environment = ProcessInfo.processInfo.environment
        if environment["LOG_LEVEL"] ?? "" == "" { environment["LOG_LEVEL"] = level }
        let composition = try Composition(try await Settings.read(settings, environment: environment))
        do {
            let value = try await body(composition)
            await composition.shutDown()
            return value
        } catch {
            await composition.shutDown()
            throw error
        }
    }
}
