import ArgumentParser
import CurlTransport
import FoundationEssentials
import Logging

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json

    static let help = ArgumentHelp("How to print the result: text for people, json for programs.", valueName: "format")
}

/// What every command takes that asks something.
struct CommonOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: OutputFormat.help) var output: OutputFormat = .text

    @OptionGroup(title: "A running service") var service: ServiceOptions
    @OptionGroup(title: "Settings", visibility: .hidden) var settings: SettingsOptions

    /// Lets `body` ask the service that is named, or else registry and builder.
    func withCore<Value>(_ body: (any Core) async throws -> Value) async throws -> Value {
        let environment = ProcessInfo.processInfo.environment
        let texts = try await Settings.texts(
            settings.given.merging(service.given) { $1 }, file: settings.config, environment: environment)
        let named = try ServiceSettings.read(
            SettingTexts(values: texts), flags: service.given, others: settings.given, environment: environment)
        guard let named else {
            return try await settings.withComposition { try await body(DirectCore(composition: $0)) }
        }
        let transport = CurlTransport(
            // The token is for the service alone.
            configuration: CurlTransport.Configuration(userAgent: RegistryQuery.userAgent, proxies: .encryptedRequests),
            logger: Logger(label: "service") { _ in SwiftLogNoOpLogHandler() })
        let outcome = await outcome {
            try await body(RemoteCore(client: ServiceClient(service: named, transport: transport)))
        }
        await transport.shutDown()
        return try outcome.get()
    }
}

extension SettingsOptions {
    /// Makes everything that the settings lead to, lets `body` use it, and takes it down again.
    ///
    /// A command logs warnings and errors only, unless somebody asks for more: its result is what a person wants to see.
    func withComposition<Value>(
        logging level: String = "warning", callsBack: Bool = false, _ body: (Composition) async throws -> Value
    ) async throws -> Value {
        var environment = ProcessInfo.processInfo.environment
        if environment["LOG_LEVEL"] ?? "" == "" { environment["LOG_LEVEL"] = level }
        // Of no use here, and no business of the builds that this process starts.
        environment[ServiceSettings.Token.variable] = nil
        let composition = try Composition(
            try await Settings.read(self, environment: environment), callsBack: callsBack)
        let outcome = await outcome { try await body(composition) }
        await composition.shutDown()
        return try outcome.get()
    }
}

/// What `body` comes to, to be told after something else was done.
private func outcome<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do {
        return .success(try await body())
    } catch {
        return .failure(error)
    }
}
