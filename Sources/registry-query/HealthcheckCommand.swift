import ArgumentParser
import CurlTransport
import FoundationEssentials
import HTTPTransport
import Logging

/// Whether the service on this machine answers, for images without a shell or curl.
struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Ask the service at LISTEN whether it lives; 1 if it does not.",
        discussion: """
            Asks GET /healthz and waits for at most 3 s. If the service was told its address by flag or file, give the same \
            --listen or --config here. Prints nothing, or with --output json what the service answered.
            """,
        shouldDisplay: false)

    /// From the start to the whole answer.
    private static let limit = Duration.seconds(3)

    @Option(name: .shortAndLong, help: OutputFormat.help) var output: OutputFormat = .text
    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() async throws {
        // No other setting matters here, so none that went wrong since the start can make a living service look dead.
        let environment = ProcessInfo.processInfo.environment.filter { $0.key == SettingKey.listen.variable }
        let url = try Self.url(try await Settings.read(options, environment: environment).listen)
        // The service is on this machine, and a proxy is not.
        let transport = CurlTransport(
            configuration: CurlTransport.Configuration(userAgent: RegistryQuery.userAgent, proxies: .encryptedRequests),
            logger: Logger(label: "healthcheck") { _ in SwiftLogNoOpLogHandler() })
        let outcome = await Self.ask(transport, url)
        await transport.shutDown()
        try outcome.get().show(output) { _ in "" }
    }

    /// Where the service can be asked that listens there.
    private static func url(_ listen: ListenAddress) throws -> HTTPURL {
        guard listen.port != 0 else {
            throw SettingsError(
                .listen, listen.description, "only the service knows which port it took; name that port with --listen")
        }
        var address = listen
        // "All addresses" is nobody's address.
        if address.host == "0.0.0.0" { address.host = "127.0.0.1" }
        if address.host == "::" { address.host = "::1" }
        return try HTTPURL("http://\(address)/healthz")
    }

    private static func ask(
        _ transport: CurlTransport, _ url: HTTPURL
    ) async -> Result<Answer<HealthDocument>, any Error> {
        let limits = ExchangeLimits(connect: limit, idle: limit, total: limit)
        do {
            let body = try await transport.send(OutboundRequest(url: url, limits: limits)).body.collect(upTo: 4096)
            // Another program may have taken the port, so the words count and not the status.
            guard let answer = try? Answer<HealthDocument>(body), answer.content.status == "ok" else {
                throw Unhealthy(
                    description: "\(url) was answered, but not as the service does it: see which program has that port")
            }
            return .success(answer)
        } catch {
            return .failure(error)
        }
    }
}

/// Why the service is not well, in one line.
private struct Unhealthy: Error, CustomStringConvertible {
    var description: String
}
