# shellcheck shell=bash disable=SC2034,SC2154
# The steps of `make_bundle.sh resnet34-1gb`; the variables and `step` are make_bundle.sh's.
step_count=3
parent=resnet34
needs_mb=1100

copy_what_stays() {
    cp -r --reflink=auto "$bundles/$parent"/{labels.txt,architecture.pt,edge.onnx,golden} "$bundle/"
}

grow_weights() {
    "${python[@]}" "$recipes/grow.py" "$bundles/$parent/weights.safetensors" "$bundle/weights.safetensors" --factor 3.5 --seed 1
}

write_contract() {
    "${python[@]}" "$recipes/grown_contract.py" "$bundles/$parent" "$bundle" "$recipes/resnet34-1gb.contract.json"
}

make_steps() {
    step "copying labels, architecture, edge model and golden images of resnet34" copy_what_stays
    step "growing the weights to 260 million parameters" grow_weights
    step "comparing with resnet34's golden cases, writing the contract" write_contract
}
