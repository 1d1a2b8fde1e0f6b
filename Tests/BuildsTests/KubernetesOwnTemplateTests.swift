import FoundationEssentials
import KubernetesClient
import OCIDistribution
import SemanticVersions
import SystemPackage
import Testing

@testable import Builds

@Suite("A Job template of an operator's own")
struct KubernetesOwnTemplateTests {
    private static let text = JobTemplate.builtInText

    struct Refused: Sendable, CustomTestStringConvertible {
        var change: (String, String)
        var line: Int
        var says: String
        var testDescription: String { "\(change.0) -> \(change.1)" }
        init(_ old: String, _ new: String, line marker: String?, _ says: String) {
            change = (old, new)
            // The line on which the marker stands in the changed text.
            let changed = KubernetesOwnTemplateTests.text.replacing(old, with: new, maxReplacements: 1)
            let lines = changed.split(separator: "\n", omittingEmptySubsequences: false)
            line = (marker.flatMap { marker in lines.firstIndex { $0.contains(marker) } } ?? 0) + 1
            self.says = says
        }
    }

    static let refused: [Refused] = [
        Refused("kind: Job", "kind: CronJob", line: "kind: CronJob", "kind must be Job"),
        Refused("batch/v1", "batch/v1beta1", line: "apiVersion: batch/v1beta1", "apiVersion must be batch/v1"),
        Refused("name: '${JOB_NAME}'", "name: build-1", line: "name: build-1", "metadata.name must be ${JOB_NAME}"),
        Refused(
            "name: '${JOB_NAME}'", "generateName: build-", line: "generateName: build-",
            "metadata.generateName must be left out"),
        Refused(
            "name: '${JOB_NAME}'", "name: 'b-${JOB_NAME}'", line: "b-$", "${JOB_NAME} is only a part of its value"),
        Refused("name: '${JOB_NAME}'", "name: '${NAME}'", line: "${NAME}", "\"${NAME}\" is none of the placeholders"),
        Refused(
            "webapp: '${WEBAPP_NAME}'", "webapp: x", line: "webapp: x", "metadata.labels.webapp must be ${WEBAPP_NAME}"),
        Refused("component: builder", "component: build", line: "component: build", "must be builder"),
        Refused("name: buildkit\n    app", "name: kaniko\n    app", line: "name: kaniko", "must be buildkit"),
        Refused("backoffLimit: 0", "backoffLimit: 1", line: "backoffLimit: 1", "spec.backoffLimit must be 0"),
        Refused("  backoffLimit: 0\n", "", line: "activeDeadlineSeconds: 1800", "spec.backoffLimit must be 0"),
        Refused("  activeDeadlineSeconds: 1800\n", "", line: "backoffLimit: 0", "spec.activeDeadlineSeconds must be"),
        Refused("Seconds: 1800", "Seconds: '1800'", line: "Seconds: '1800'", "spec.activeDeadlineSeconds must be"),
        Refused("Finished: 600", "Finished: 59", line: "Finished: 59", "at least 60 seconds"),
        Refused("  ttlSecondsAfterFinished: 600\n", "", line: "backoffLimit: 0", "at least 60 seconds"),
        Refused("backoffLimit: 0", "parallelism: 2\n  backoffLimit: 0", line: "parallelism: 2", "must be 1"),
        Refused("restartPolicy: Never", "restartPolicy: OnFailure", line: "OnFailure", "restartPolicy must be Never"),
        Refused("- name: git-clone", "- name: clone", line: "- name: clone", "must have a container named git-clone"),
        Refused("- name: buildkit", "- name: kaniko", line: "- name: kaniko", "must have a container named buildkit"),
        Refused(
            "{name: GIT_REF, value: HEAD}", "{name: GIT_BRANCH, value: HEAD}", line: "- name: git-clone",
            "must have the variable GIT_REF"),
        Refused(
            "{name: GIT_REF, value: HEAD}", "{name: GIT_REF, value: ''}", line: "{name: GIT_REF", "needs a default"),
        Refused(
            "value: '${IMAGE_TAG}'", "value: 'x'", line: "{name: IMAGE_TAG", "must be ${IMAGE_TAG}"),
        Refused(
            "value: '${GIT_SUBDIRECTORY}'", "value: '.'", line: "{name: GIT_SUBDIRECTORY", "must be ${GIT_SUBDIRECTORY}"
        ),
        Refused(
            "\"$GIT_REF\" &", "\"${GIT_REF}\" &", line: "- |", "in a script write $NAME for a variable"),
        Refused(
            "name=$(IMAGE_TAG),push", "name=${IMAGE_TAG},push", line: "name=${IMAGE_TAG}",
            "${IMAGE_TAG} is only a part of its value"),
        Refused(
            "webapp: '${WEBAPP_NAME}'", "webapp: '${WEBAPP_NAME}'\n    '${IMAGE_TAG}': x", line: "'${IMAGE_TAG}': x",
            "cannot be a key"),
        Refused(
            "            - build\n            - --frontend", "            - 1\n            - --frontend", line: "- 1",
            "list of strings"),
        Refused(
            "name: '${JOB_NAME}'", "name: '${JOB_NAME}'\n  generateName: build-", line: "generateName: build-",
            "metadata.generateName must be left out"),
        Refused(
            "  labels:\n", "  annotations: {registry-query/status: succeeded}\n  labels:\n",
            line: "registry-query/status",
            "metadata.annotations.registry-query/status is the service's to set"),
        Refused(
            "  labels:\n", "  annotations: {registry-query/image: x}\n  labels:\n", line: "registry-query/image: x",
            "must be ${IMAGE_TAG}"),
        Refused(
            "component: builder\n", "component: builder\n    registry-query/tag: v1\n", line: "registry-query/tag: v1",
            "metadata.labels.registry-query/tag is the service's to set"),
        Refused("backoffLimit: 0", "completions: 2\n  backoffLimit: 0", line: "completions: 2", "must be 1"),
        Refused(
            "backoffLimit: 0",
            "podFailurePolicy:\n    rules:\n      - action: FailJob\n      - action: Ignore\n  backoffLimit: 0",
            line: "action: Ignore", "spec.podFailurePolicy.rules[1].action must not be Ignore"),
        Refused(
            "- name: buildkit", "- name: buildkit\n          restartPolicy: OnFailure", line: "OnFailure",
            "containers[buildkit].restartPolicy must be Never"),
        Refused(
            "- name: git-clone", "- name: git-clone\n          restartPolicy: Always", line: "restartPolicy: Always",
            "initContainers[git-clone].restartPolicy must be Never"),
        Refused(
            "restartPolicy: Never", "hostPID: true\n      restartPolicy: Never", line: "hostPID: true",
            "spec.template.spec.hostPID must be left out"),
        Refused(
            "      volumes:\n", "        - {name: buildkit, image: x}\n      volumes:\n",
            line: "{name: buildkit, image: x}", "containers[buildkit] comes twice"),
        Refused(
            "{name: GIT_REF, value: HEAD}", "{name: GIT_REF, value: HEAD}\n            - {name: GIT_REF, value: x}",
            line: "{name: GIT_REF, value: x}", "env[GIT_REF] comes twice"),
        Refused("Seconds: 1800", "Seconds: 0", line: "Seconds: 0", "spec.activeDeadlineSeconds must be"),
        Refused(
            "spec:\n  backoffLimit", "spec: x\nother:\n  backoffLimit", line: "spec: x", "spec.backoffLimit must be 0"),
        Refused("kind: Job", "kind: Job\n---\nkind: Job", line: "---", "a second document begins"),
        Refused("kind: Job", "kind: [Job", line: nil, "no valid YAML"),
        Refused("kind: Job", "kind: Job\nkind: Job", line: nil, "twice"),
    ]

    @Test("what the service relies on is checked, with file, line and reason", arguments: refused)
    func refusal(_ refused: Refused) throws {
        let text = Self.text.replacing(refused.change.0, with: refused.change.1, maxReplacements: 1)
        try #require(text != Self.text)
        let error = try #require(throws: InvalidInput.self) { try JobTemplate(text: text, origin: "own.yaml") }
        #expect(error.field == "JOB_TEMPLATE")
        #expect(error.reason.hasPrefix("own.yaml, line "), "\(error)")
        #expect(error.reason.contains(refused.says), "\(error)")
        if refused.line > 1 { #expect(error.reason.hasPrefix("own.yaml, line \(refused.line): "), "\(error)") }
    }

    @Test(
        "what is no template at all is refused",
        arguments: ["", "# nothing", "just text", "- a\n- b", "{}", "a: 1\n---\nb: 2", "null", "\u{0}"])
    func nonsense(_ text: String) {
        #expect(throws: InvalidInput.self) { try JobTemplate(text: text) }
    }

    @Test("a file that cannot be read, is too long or no text is refused by its name")
    func unreadableFile() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "template-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "own.yaml")
        for content in [nil, Data(repeating: 0x23, count: JobTemplate.longestFile + 1), Data([0xFF, 0xFE])] {
            try content?.write(to: file)
            let error = try #require(throws: InvalidInput.self) { try JobTemplate(file: FilePath(file.path)) }
            #expect(error.reason.contains(file.path))
        }
    }

    @Test("an operator may change what the service does not rely on")
    func ownTemplate() throws {
        let text = Self.text
            .replacing("docker.io/moby/buildkit:", with: "mirror.example/buildkit:")
            .replacing("privileged: true", with: "privileged: false")
            .replacing("Finished: 600", with: "Finished: 3600")
            .replacing("      volumes:", with: "        - {name: extra, image: x}\n      volumes:")
            .replacing("namespace: build-system", with: "namespace: elsewhere")
            .replacing(
                "  labels:\n", with: "  annotations: {registry-query/image: '${IMAGE_TAG}'}\n  labels:\n",
                maxReplacements: 1
            )
            .replacing("backoffLimit: 0", with: "backoffLimit: 0\n  suspend: false\n  parallelism: 1")
            .replacing(
                "restartPolicy: Never",
                with: "restartPolicy: Never\n      shareProcessNamespace: true\n      hostPID: false"
            )
            .replacing("automountServiceAccountToken: false", with: "automountServiceAccountToken: true")
        try #require(
            text.contains("elsewhere") && text.contains("suspend: false") && text.contains("image: '${IMAGE_TAG}'"))
        let job = try JobTemplate(text: text).render(kubernetesPlan(), namespace: "builds", reservation: "r")
        #expect(job["metadata"]?["namespace"] == "builds")
        #expect(job["spec"]?["suspend"] == true)
    }

    @Test("the command of the build may be of any shape, and is given the service's options")
    func ownCommand() throws {
        let start = try #require(Self.text.firstRange(of: "          command:\n", after: "- name: buildkit"))
        let end = try #require(Self.text.firstRange(of: "          env:\n", after: "- name: buildkit"))
        let whole = "[buildctl-daemonless.sh, build, --output, 'type=image,name=$(IMAGE_TAG),push=true']"
        for (own, arguments) in [
            ("          command: \(whole)\n", 0), ("          args: \(whole)\n", 4),
            ("          command: [buildctl-daemonless.sh]\n          args: [build]\n", 1), ("", 0),
        ] {
            let text = String(Self.text[..<start.lowerBound] + own + Self.text[end.lowerBound...])
            let job = try JobTemplate(text: text).render(kubernetesPlan(), namespace: "builds", reservation: "r")
            let args = job["spec"]?["template"]?["spec"]?["containers"]?.array?.first?["args"]?.array ?? []
            #expect(args.dropFirst(arguments).first == "--opt")
        }
    }

    @Test("the template as the seed had it, its image within another value, is refused with what to do")
    func seedsTemplate() throws {
        let text = Self.text.replacing("name=$(IMAGE_TAG)", with: "name=${IMAGE_TAG}")
        let error = try #require(throws: InvalidInput.self) { try JobTemplate(text: text, origin: "own.yaml") }
        #expect(error.reason.contains("pass it in an environment variable"))
    }
}

extension String {
    /// Where a text comes first behind another.
    fileprivate func firstRange(of text: String, after marker: String) -> Range<Index>? {
        guard let start = firstRange(of: marker)?.upperBound else { return nil }
        return self[start...].firstRange(of: text)
    }
}
