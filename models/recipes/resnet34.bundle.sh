# shellcheck shell=bash disable=SC2034,SC2154
# The steps of `make_bundle.sh resnet34`; the variables and `step` are make_bundle.sh's.
# A step with several commands joins them by &&: `set -e` is off inside a step.
step_count=7
contract_template=$recipes/resnet34.contract.json
golden_images=(coffee.png chelsea.png dog1.jpg dog2.jpg)

compile_converter() { converter=$("$recipes/build_converter.sh"); }

convert_weights() {
    "$converter" convert "$sources/resnet34_1000_imagenet_classifier.dnn" "$bundle/weights.safetensors" "$bundle/labels.txt"
}

compute_golden() {
    mkdir "$bundle/golden" &&
    install -m 644 "${golden_images[@]/#/$sources/}" "$bundle/golden/" &&
    "${python[@]}" "$recipes/reference_preprocessing.py" "$contract_template" "$scratch/tensors.npy" \
        "${golden_images[@]/#/$bundle/golden/}" &&
    # One BLAS kernel, which every x86-64 processor has: float32 sums, and so the contract's hash, are the same everywhere.
    env -u OPENBLAS_L2_SIZE OPENBLAS_CORETYPE=Nehalem OPENBLAS_NUM_THREADS=1 \
        "$converter" logits "$sources/resnet34_1000_imagenet_classifier.dnn" "$scratch/tensors.npy" "$scratch/logits.npy"
}

measure() {
    "${python[@]}" "$recipes/measure.py" "$bundle" "$contract_template" "$scratch/tensors.npy" "$scratch/logits.npy" \
        "$scratch/agreement.json"
}

write_contract() {
    "${python[@]}" "$recipes/write_contract.py" "$bundle" "$contract_template" "$scratch/tensors.npy" \
        "$scratch/logits.npy" "$scratch/agreement.json" "${golden_images[@]}"
}

make_steps() {
    step "getting the pretrained network and the photographs (up to 230 MB)" "$recipes/fetch_sources.sh"
    step "compiling the reader of dlib's format (once, about half a minute)" compile_converter
    step "converting the weights" convert_weights
    step "exporting architecture.pt and edge.onnx" "${python[@]}" "$recipes/export.py" "$bundle/weights.safetensors" "$bundle"
    step "computing the golden cases with Pillow and dlib" compute_golden
    step "measuring edge.onnx against the full network" measure
    step "writing the contract" write_contract
}
