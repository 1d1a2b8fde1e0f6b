import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("A cluster is found, or the reason why not is told")
struct ClusterConfigurationTests {
    // MARK: In the cluster

    static let address = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]

    private func serviceAccount(
        token: String? = "abc.def", authority: String? = PEM.authority, namespace: String? = "build-system\n"
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        if let token { try folder.write(token, to: "token") }
        if let authority { try folder.write(authority, to: "ca.crt") }
        if let namespace { try folder.write(namespace, to: "namespace") }
        return folder
    }

    @Test("a Pod's files and the environment name the cluster")
    func inCluster() throws {
        let folder = try serviceAccount(token: "abc.def\n")
        let found = try #require(
            try ClusterConfiguration.detect(environment: Self.address, serviceAccountDirectory: folder.path))
        #expect(found.server.description == "https://10.96.0.1/")
        #expect(found.namespace == "build-system")
        let presented = try found.credentials.current()
        #expect(presented.authorization == "Bearer abc.def")
        #expect(presented.tls.certificateAuthorities == Array(PEM.authority.utf8))
        #expect(!presented.tls.trustsSystem)
        let six = try ClusterConfiguration.inCluster(
            environment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"],
            directory: folder.path)
        #expect(six.server.description == "https://[fd00::1]:6443/")
    }

    @Test("a rotated token and authority count from the next request on")
    func rotation() async throws {
        let folder = try serviceAccount()
        let configuration = try ClusterConfiguration.inCluster(environment: Self.address, directory: folder.path)
        let transport = try Recording("job-get-created").transport()
        let client = KubernetesClient(transport: transport, configuration: configuration, namespace: "build-system")
        _ = try await client.job(named: "build-x")
        try folder.write("new.token", to: "token")
        try folder.write(PEM.otherAuthority, to: "ca.crt")
        _ = try await client.job(named: "build-x")
        #expect(transport.requests.map { $0.headerFields[.authorization] } == ["Bearer abc.def", "Bearer new.token"])
        #expect(
            transport.requests.map(\.tls.certificateAuthorities)
                == [Array(PEM.authority.utf8), Array(PEM.otherAuthority.utf8)])

        // An authority that has gone bad is an error, and nothing is sent without it.
        for bad in ["", "  \n", "no certificate"] {
            try folder.write(bad, to: "ca.crt")
            #expect(await kubernetesError { _ = try await client.job(named: "build-x") }?.code == .credentials)
        }
        try FileManager.default.removeItem(atPath: "\(folder.path)/ca.crt")
        let error = await kubernetesError { _ = try await client.job(named: "build-x") }
        #expect(error?.code == .credentials)
        #expect(error?.isTransient == false)
        #expect(error?.message.contains("ca.crt") == true)
        #expect(transport.requests.count == 2)
    }

    /// What is wrong with the files, and what the error must name.
    static let brokenAccounts: [(token: String?, authority: String?, namespace: String?, named: String)] = [
        (nil, PEM.authority, "n", "token"), ("", PEM.authority, "n", "token"), (" \n ", PEM.authority, "n", "token"),
        ("two words", PEM.authority, "n", "token"), ("a\r\nHost: b", PEM.authority, "n", "token"),
        ("tök", PEM.authority, "n", "token"), ("t", nil, "n", "ca.crt"), ("t", "", "n", "ca.crt"),
        ("t", "\n\n", "n", "ca.crt"), ("t", "nonsense", "n", "ca.crt"),
        ("t", "-----BEGIN CERTIFICATE-----\nQUJD\n", "n", "ca.crt"),
        ("t", "-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n", "n", "ca.crt"),
        ("t", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "n", "ca.crt"),
        ("t", PEM.key, "n", "ca.crt"), ("t", PEM.authority, nil, "namespace"),
    ]

    @Test("files that cannot work are an error, never less security", arguments: 0..<brokenAccounts.count)
    func brokenAccount(_ index: Int) throws {
        let broken = Self.brokenAccounts[index]
        let folder = try serviceAccount(token: broken.token, authority: broken.authority, namespace: broken.namespace)
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConfiguration.detect(environment: Self.address, serviceAccountDirectory: folder.path)
        }
        #expect(error?.description.contains("/\(broken.named)") == true)
    }

    @Test("an authority that is a folder cannot be read")
    func unreadableAuthority() throws {
        let folder = try serviceAccount(authority: nil)
        try FileManager.default.createDirectory(atPath: "\(folder.path)/ca.crt", withIntermediateDirectories: false)
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConfiguration.detect(environment: Self.address, serviceAccountDirectory: folder.path)
        }
        #expect(error?.description.contains("ca.crt cannot be read") == true)
    }

    @Test(
        "files without an address are an error",
        arguments: [
            [:], ["KUBERNETES_SERVICE_HOST": "10.96.0.1"],
            ["KUBERNETES_SERVICE_HOST": "", "KUBERNETES_SERVICE_PORT": "443"],
            ["KUBERNETES_SERVICE_HOST": "a b", "KUBERNETES_SERVICE_PORT": "443"],
            ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "tcp"],
        ])
    func address(_ environment: [String: String]) throws {
        let folder = try serviceAccount()
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConfiguration.detect(environment: environment, serviceAccountDirectory: folder.path)
        }
        #expect(error?.description.contains("KUBERNETES_SERVICE_HOST") == true)
    }

    // MARK: Which

    @Test("where there is nothing, there is no cluster")
    func nothing() throws {
        let folder = try TemporaryFolder()
        let absent = "\(folder.path)/absent"
        for environment in [
            [:], ["HOME": folder.path], ["HOME": ""], ["KUBECONFIG": "", "HOME": absent], Self.address,
        ] {
            #expect(
                try ClusterConfiguration.detect(environment: environment, serviceAccountDirectory: absent) == nil)
        }
        // What kubectl leaves when the last context is gone.
        try FileManager.default.createDirectory(atPath: "\(folder.path)/.kube", withIntermediateDirectories: true)
        try folder.write(
            "apiVersion: v1\nkind: Config\nclusters: null\ncontexts: []\ncurrent-context: \"\"\n", to: ".kube/config")
        #expect(
            try ClusterConfiguration.detect(environment: ["HOME": folder.path], serviceAccountDirectory: absent) == nil)
        // A KUBECONFIG that names nothing is a mistake, not an absence.
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConfiguration.detect(
                environment: ["KUBECONFIG": "\(absent):\(absent)2"], serviceAccountDirectory: absent)
        }
        #expect(error?.description.contains("KUBECONFIG") == true)
    }

    @Test("KUBECONFIG comes before the Pod's files, and these before the home folder")
    func order() throws {
        let account = try serviceAccount()
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/.kube", withIntermediateDirectories: true)
        let home = try folder.write(KubeconfigTests.kubeconfig(server: "https://home.example"), to: ".kube/config")
        let other = try folder.write(KubeconfigTests.kubeconfig(server: "https://listed.example"), to: "listed")
        func server(_ extra: [String: String], _ directory: String) throws -> String? {
            try ClusterConfiguration.detect(
                environment: Self.address.merging(extra) { $1 }, serviceAccountDirectory: directory)?.server.host
        }
        let absent = "\(folder.path)/absent"
        #expect(try server(["KUBECONFIG": other, "HOME": folder.path], account.path) == "listed.example")
        #expect(try server(["HOME": folder.path], account.path) == "10.96.0.1")
        #expect(try server(["HOME": folder.path], absent) == "home.example")
        #expect(try ClusterConfiguration.kubeconfig(files: [home]).server.host == "home.example")
    }
}
